<?php

declare(strict_types=1);

namespace NotPanel\Internal;

use NotPanel\Exception\UsageException;

/**
 * An API key: `np_live_` or `np_test_`, 43 base62 digits, and 6 that are the CRC-32
 * of everything before them.
 *
 * @internal
 */
final class Key
{
    private const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
    private const CHECKSUM = 6;

    private readonly Hidden $value;

    /** @throws UsageException */
    public function __construct(#[\SensitiveParameter] string $value)
    {
        if (preg_match('/^np_(live|test)_[0-9A-Za-z]{49}$/D', $value) !== 1) {
            throw new UsageException('The API key is malformed: it must be np_live_ or np_test_ and 49 letters and digits');
        }
        if (self::checksum(substr($value, 0, -self::CHECKSUM)) !== substr($value, -self::CHECKSUM)) {
            throw new UsageException("The API key is mistyped or cut off: its checksum doesn't fit");
        }
        $this->value = new Hidden($value);
    }

    public function reveal(): string
    {
        return $this->value->reveal();
    }

    /** The text without the key, should somebody have sent it back. */
    public function cutFrom(string $text): string
    {
        return str_replace($this->reveal(), '[key]', $text);
    }

    private static function checksum(#[\SensitiveParameter] string $of): string
    {
        $digits = '';
        for ($rest = crc32($of); strlen($digits) < self::CHECKSUM; $rest = intdiv($rest, 62)) {
            $digits = self::DIGITS[$rest % 62] . $digits;
        }
        return $digits;
    }
}
