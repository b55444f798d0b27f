<?php

declare(strict_types=1);

namespace NotPanel\Exception;

/** A field is missing, malformed or not available; the message names it. Repeating does not help. */
final class InvalidRequestException extends ApiException
{
}
