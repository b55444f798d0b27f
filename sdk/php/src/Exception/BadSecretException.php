<?php

declare(strict_types=1);

namespace NotPanel\Exception;

/** The secret is not `whsec_` and 32 bytes in base64. Thrown when the verifier is made. */
final class BadSecretException extends WebhookException
{
}
