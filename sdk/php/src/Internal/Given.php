<?php

declare(strict_types=1);

namespace NotPanel\Internal;

use NotPanel\Exception\UsageException;

/**
 * Writes what a caller gave in the form that the API takes.
 *
 * @internal
 */
final class Given
{
    /** Most ids of a call. */
    private const MOST = 100;

    /**
     * Fields from arguments: `maxCharge` is sent as `max_charge`, a list with an entry a
     * line, a date as a day.
     *
     * @param array<string, mixed> $arguments
     *
     * @return array<string, string|int|null>
     *
     * @throws UsageException
     */
    public static function fields(array $arguments): array
    {
        $fields = [];
        foreach ($arguments as $name => $value) {
            $fields[strtolower((string) preg_replace('/[A-Z]/', '_$0', $name))] = match (true) {
                is_array($value) => self::lines($name, $value),
                $value instanceof \DateTimeInterface => $value->format('Y-m-d'),
                default => $value,
            };
        }
        return $fields;
    }

    /**
     * Ids with commas between them, a hundred a piece.
     *
     * @param array<string|int> $ids
     *
     * @return list<string>
     *
     * @throws UsageException
     */
    public static function hundreds(array $ids): array
    {
        $texts = array_values(array_unique(array_map(self::id(...), $ids)));
        return array_map(static fn (array $some): string => implode(',', $some), array_chunk($texts, self::MOST));
    }

    /**
     * The same of what is done by one call or not at all: none or one piece.
     *
     * @param array<string|int> $ids
     *
     * @return list<string>
     *
     * @throws UsageException
     */
    public static function atMostHundred(array $ids): array
    {
        $hundreds = self::hundreds($ids);
        return count($hundreds) <= 1 ? $hundreds : throw new UsageException('At most ' . self::MOST . ' at a time');
    }

    private static function id(string|int $id): string
    {
        $text = (string) $id;
        return preg_match('/^[^\s,]+$/D', $text) === 1 ? $text : throw new UsageException("An id has no commas or blanks: '$text'");
    }

    /** @param array<mixed> $entries */
    private static function lines(string $name, array $entries): string
    {
        foreach ($entries as $entry) {
            if (!is_string($entry) || preg_match('/[\r\n]/', $entry) === 1) {
                throw new UsageException("$name must have texts of one line");
            }
        }
        return implode("\n", $entries);
    }
}
