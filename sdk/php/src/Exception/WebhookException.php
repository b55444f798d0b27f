<?php

declare(strict_types=1);

namespace NotPanel\Exception;

/** A delivery that is not to be believed. Answer it with 400 and do nothing else. */
abstract class WebhookException extends NotPanelException
{
}
