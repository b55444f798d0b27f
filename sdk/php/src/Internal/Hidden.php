<?php

declare(strict_types=1);

namespace NotPanel\Internal;

/**
 * A text that no dump of an object shows: not var_dump, print_r, var_export, a cast
 * to an array, nor what a program makes of an exception's trace.
 *
 * @internal
 */
final class Hidden
{
    /** @var \WeakMap<self, string>|null */
    private static ?\WeakMap $texts = null;

    public function __construct(#[\SensitiveParameter] string $text)
    {
        self::$texts ??= new \WeakMap();
        self::$texts[$this] = $text;
    }

    public function reveal(): string
    {
        return self::$texts[$this];
    }

    /** @return array<string, mixed> */
    public function __serialize(): array
    {
        throw new \LogicException('A secret is not serialized');
    }

    private function __clone()
    {
    }
}
