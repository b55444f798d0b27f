<?php

declare(strict_types=1);

namespace NotPanel\Exception;

/** The time that the client grants for connecting, or for all, was over. */
final class TimeoutException extends ConnectionException
{
}
