<?php

declare(strict_types=1);

namespace NotPanel\Exception;

/** The service, order, refill or webhook is not there, or not with this key. */
final class NotFoundException extends ApiException
{
}
