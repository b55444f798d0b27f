<?php

declare(strict_types=1);

namespace NotPanel\Exception;

/** No signature fits: the body was changed, or another secret made it. */
final class BadSignatureException extends WebhookException
{
}
