<?php

declare(strict_types=1);

namespace NotPanel\Exception;

/** The key is unknown, revoked, expired, or not allowed from this address. */
final class InvalidKeyException extends ApiException
{
}
