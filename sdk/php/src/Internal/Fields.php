<?php

declare(strict_types=1);

namespace NotPanel\Internal;

use NotPanel\Exception\UnexpectedAnswerException;

/**
 * Reads the fields of a JSON object. Those that nobody asks for don't matter; one
 * that is missing or of another type is an UnexpectedAnswerException that names it.
 *
 * @internal
 */
final class Fields
{
    /** @param array<mixed> $values */
    public function __construct(private readonly array $values)
    {
    }

    /**
     * Objects of a list.
     *
     * @template T
     *
     * @param array<mixed>      $list
     * @param callable(self): T $make
     *
     * @return list<T>
     */
    public static function each(array $list, callable $make): array
    {
        return array_map(static fn (mixed $item) => $make(self::of($item)), array_values($list));
    }

    /** What should be an object. */
    public static function of(mixed $value): self
    {
        return is_array($value) ? new self($value) : throw new UnexpectedAnswerException('The answer lacks an object');
    }

    public function string(string $name): string
    {
        return $this->stringOrNull($name) ?? throw self::missing($name);
    }

    public function stringOrNull(string $name): ?string
    {
        $value = $this->values[$name] ?? null;
        return $value === null || is_string($value) ? $value : throw self::missing($name);
    }

    public function int(string $name): int
    {
        return $this->intOrNull($name) ?? throw self::missing($name);
    }

    public function intOrNull(string $name): ?int
    {
        $value = $this->values[$name] ?? null;
        return $value === null || is_int($value) ? $value : throw self::missing($name);
    }

    /** A whole number that travels as a text. */
    public function count(string $name): int
    {
        return $this->countOrNull($name) ?? throw self::missing($name);
    }

    public function countOrNull(string $name): ?int
    {
        $value = $this->stringOrNull($name);
        if ($value === null) {
            return null;
        }
        return preg_match('/^-?\d{1,18}$/D', $value) === 1 ? (int) $value : throw self::missing($name);
    }

    public function bool(string $name): bool
    {
        $value = $this->values[$name] ?? null;
        return is_bool($value) ? $value : throw self::missing($name);
    }

    public function time(string $name): \DateTimeImmutable
    {
        return $this->timeOrNull($name) ?? throw self::missing($name);
    }

    /** A time of RFC 3339. */
    public function timeOrNull(string $name): ?\DateTimeImmutable
    {
        $value = $this->stringOrNull($name);
        if ($value === null) {
            return null;
        }
        if (preg_match('/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/D', $value) !== 1) {
            throw self::missing($name);
        }
        try {
            return new \DateTimeImmutable($value);
        } catch (\Exception) {
            throw self::missing($name);
        }
    }

    /** @return list<string> */
    public function strings(string $name): array
    {
        $list = array_values($this->array($name));
        return array_filter($list, is_string(...)) === $list ? $list : throw self::missing($name);
    }

    /**
     * The object of a name, made into something; null where there is none.
     *
     * @template T
     *
     * @param callable(self): T $make
     *
     * @return T|null
     */
    public function objectOrNull(string $name, callable $make): mixed
    {
        return isset($this->values[$name]) ? $make(new self($this->array($name))) : null;
    }

    /**
     * The objects of a list.
     *
     * @template T
     *
     * @param callable(self): T $make
     *
     * @return list<T>
     */
    public function objects(string $name, callable $make): array
    {
        return self::each($this->array($name), $make);
    }

    /** Whether there is such a field and it is not null. */
    public function has(string $name): bool
    {
        return isset($this->values[$name]);
    }

    /** @return array<mixed> */
    public function array(string $name): array
    {
        $value = $this->values[$name] ?? null;
        return is_array($value) ? $value : throw self::missing($name);
    }

    private static function missing(string $name): UnexpectedAnswerException
    {
        return new UnexpectedAnswerException("The answer has no $name, or one of another form");
    }
}
