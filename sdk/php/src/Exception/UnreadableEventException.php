<?php

declare(strict_types=1);

namespace NotPanel\Exception;

/** The signature is right, but the body is no event. */
final class UnreadableEventException extends WebhookException
{
}
