<?php

declare(strict_types=1);

namespace NotPanel\Exception;

/** The account is suspended. */
final class AccountSuspendedException extends ApiException
{
}
