<?php

declare(strict_types=1);

namespace NotPanel\Tests;

use NotPanel\Http\Request;
use NotPanel\Http\Response;
use NotPanel\Http\Transport;

/** Answers each action with what the test says, and counts them. */
final class StubPanel implements Transport
{
    /** @var list<string> actions that were called */
    public array $called = [];

    /** @param array<string, mixed> $answers by action; an int and a text are a refusal, a closure
     *                                       gets the fields that were sent */
    public function __construct(private readonly array $answers)
    {
    }

    public function send(Request $request): Response
    {
        $this->called[] = $action = $request->fields['action'];
        $answer = $this->answers[$action] ?? [400, "Unknown action: $action"];
        $answer = $answer instanceof \Closure ? $answer($request->fields) : $answer;
        [$status, $json] = is_int($answer[0] ?? null) ? [$answer[0], ['error' => $answer[1]]] : [200, $answer];
        return new Response($status, [], json_encode($json, JSON_THROW_ON_ERROR));
    }
}
