<?php

declare(strict_types=1);

namespace NotPanel\Exception;

/** The wallet holds less than the charge. */
final class InsufficientBalanceException extends ApiException
{
}
