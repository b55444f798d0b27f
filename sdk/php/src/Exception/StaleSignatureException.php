<?php

declare(strict_types=1);

namespace NotPanel\Exception;

/** The signature is right, but its time is too far from now: a delivery of old, or a clock that is wrong. */
final class StaleSignatureException extends WebhookException
{
}
