<?php

declare(strict_types=1);

namespace NotPanel\Internal;

use NotPanel\Exception\InsufficientBalanceException;
use NotPanel\Exception\InvalidRequestException;
use NotPanel\Exception\NotFoundException;
use NotPanel\Exception\NotPanelException;
use NotPanel\Http\Request;
use NotPanel\Http\Response;
use NotPanel\Http\Transport;

/**
 * Calls the panel's actions, and again where that helps.
 *
 * @internal
 */
final class Caller
{
    /** @param \Closure(float): void $sleep waits so many seconds */
    public function __construct(
        private readonly Key $key,
        public readonly string $url,
        private readonly Transport $transport,
        private readonly Backoff $backoff,
        private readonly \Closure $sleep,
        private readonly float $timeout,
        private readonly float $connectTimeout,
        private readonly string $userAgent,
    ) {
    }

    /**
     * Calls an action and makes something of the object that it answers with.
     *
     * @template T
     *
     * @param array<string, string|int|null> $fields null is left out
     * @param callable(Fields): T            $make
     *
     * @return T
     *
     * @throws NotPanelException
     */
    public function object(string $action, array $fields, callable $make, Repeat $repeat = Repeat::Always): mixed
    {
        return $this->send($action, $fields, fn (Response $response) => $make(new Fields($this->json($response))), $repeat);
    }

    /**
     * The same of an action that answers with a list of objects.
     *
     * @template T
     *
     * @param array<string, string|int|null> $fields
     * @param callable(Fields): T            $make
     *
     * @return list<T>
     *
     * @throws NotPanelException
     */
    public function objects(string $action, array $fields, callable $make, Repeat $repeat = Repeat::Always): array
    {
        return $this->send($action, $fields, fn (Response $response) => Fields::each($this->json($response), $make), $repeat);
    }

    /**
     * Calls an action and makes something of its answer, which is 200, or 304 where the
     * headers ask for it.
     *
     * @template T
     *
     * @param array<string, string|int|null> $fields
     * @param callable(Response): T          $read
     * @param array<string, string>          $headers beside the usual ones
     *
     * @return T
     *
     * @throws NotPanelException
     */
    public function send(string $action, array $fields, callable $read, Repeat $repeat = Repeat::Always, array $headers = []): mixed
    {
        $request = $this->request($action, $fields, $repeat, $headers);
        $unknown = false;
        for ($tried = 1;; $tried++) {
            try {
                $response = $this->transport->send($request);
                Answer::check($response, $this->key);
                return $read($response);
            } catch (NotPanelException $error) {
                $unknown = $error->isOutcomeUnknown() || ($unknown && !self::isRefusal($error));
                $wait = $this->backoff->wait($tried, $error, $repeat);
                if ($wait === null) {
                    $error->requestId = $action === 'add' && $unknown ? $request->fields['request_id'] : null;
                    throw $error;
                }
            }
            ($this->sleep)($wait);
        }
    }

    /**
     * What the JSON of an answer says.
     *
     * @return array<mixed>
     *
     * @throws NotPanelException
     */
    public function json(Response $response): array
    {
        return Answer::json($response, $this->key);
    }

    /**
     * Whether the panel looked at the order itself and said no. It looks for the
     * request_id first: then no earlier try has placed it.
     */
    private static function isRefusal(NotPanelException $error): bool
    {
        return $error instanceof InsufficientBalanceException || $error instanceof NotFoundException
            || ($error instanceof InvalidRequestException && $error->status === 400);
    }

    /**
     * @param array<string, string|int|null> $fields
     * @param array<string, string>          $headers
     */
    private function request(string $action, array $fields, Repeat $repeat, array $headers): Request
    {
        $given = array_filter($fields, static fn (string|int|null $value): bool => $value !== null);
        return new Request(
            url: $this->url,
            headers: $headers + [
                'Content-Type' => 'application/x-www-form-urlencoded',
                'Accept' => 'application/json',
                'User-Agent' => $this->userAgent,
            ],
            fields: array_map(strval(...), ['action' => $action] + $given),
            key: $this->key,
            timeout: $this->timeout,
            connectTimeout: $this->connectTimeout,
            once: $repeat === Repeat::WhenNothingWasDone,
        );
    }
}
