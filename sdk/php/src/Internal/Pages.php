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
        $next = null;
        do {
            [$items, $next] = self::page($get, $next);
            foreach ($items as $item) {
                yield $item;
            }
        } while ($next !== null);
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
            [$items, $cursor] = self::page($get, $cursor);
            foreach ($items as $item) {
                yield $item;
            }
        } while (count($items) >= self::SIZE);
        return $cursor;
    }

    /**
     * @template T
     *
     * @param callable(?string): array{list<T>, ?string} $get
     *
     * @return array{list<T>, ?string}
     */
    private static function page(callable $get, ?string $cursor): array
    {
        [$items, $next] = $get($cursor);
        if ($next !== null && $next === $cursor && $items !== []) {
            throw new UnexpectedAnswerException("The list doesn't go on: a page has its own cursor");
        }
        return [$items, $next];
    }
}
