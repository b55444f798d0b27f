<?php

declare(strict_types=1);

namespace NotPanel\Internal;

use NotPanel\Exception\UnexpectedAnswerException;

/**
 * Goes through the pages of a list. A page is got by its cursor, and is its items and
 * the cursor of the next.
 *
 * @internal
 */
final class Pages
{
    /** How many items to ask for: every list gives as many. */
    public const SIZE = 100;

    /**
     * A list that ends with a cursor of null; a page before may be empty.
     *
     * @template T
     *
     * @param callable(?string): array{list<T>, ?string} $get
     *
     * @return \Generator<int, T>
     */
    public static function untilNull(callable $get): \Generator
    {
        $cursor = null;
        do {
            $before = $cursor;
            [$items, $cursor] = $get($before);
            foreach ($items as $item) {
                yield $item;
            }
        } while ($cursor !== null && self::goesOn($before, $cursor));
    }

    /**
     * A list that grows: for now it ends with a page that is not full.
     *
     * @template T
     *
     * @param callable(?string): array{list<T>, ?string} $get
     *
     * @return \Generator<int, T, void, string|null> the cursor of what will come
     */
    public static function untilShort(?string $cursor, callable $get): \Generator
    {
        do {
            $before = $cursor;
            [$items, $cursor] = $get($before);
            foreach ($items as $item) {
                yield $item;
            }
        } while (count($items) >= self::SIZE && self::goesOn($before, $cursor));
        return $cursor;
    }

    /** Whose page has its own cursor would be asked for it for ever. */
    private static function goesOn(?string $before, ?string $after): bool
    {
        return $before !== $after ?: throw new UnexpectedAnswerException("The list doesn't go on: a page has its own cursor");
    }
}
