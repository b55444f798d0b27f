<?php

declare(strict_types=1);

namespace NotPanel\Exception;

/** The headers of a signature are missing, or are not of its form. */
final class MissingSignatureException extends WebhookException
{
}
