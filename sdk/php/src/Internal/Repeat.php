<?php

declare(strict_types=1);

namespace NotPanel\Internal;

/**
 * When a call may be sent again.
 *
 * @internal
 */
enum Repeat
{
    /** It changes nothing, or the panel knows a repeat by its request_id. */
    case Always;

    /** Done twice it is two: only where the panel has done nothing. */
    case WhenNothingWasDone;
}
