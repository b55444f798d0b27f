<?php

declare(strict_types=1);

namespace NotPanel\Exception;

/**
 * What the caller gave can't be used, and nothing was sent: a key whose checksum is
 * wrong, an address without https, an id with a comma.
 */
final class UsageException extends NotPanelException
{
}
