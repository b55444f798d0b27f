"""Reads steps from standard input and prints an answer for each, both as a line
of JSON. What a step and an answer hold is in ../transport_test.go."""

import json
import sys


def fields_of(step):
    """Builds the parameters as scripts do: lists joined, what they don't have None."""
    fields = dict(step.get("fields", {}))
    for name, ids in step.get("ids", {}).items():
        fields[name] = ",".join(str(one) for one in ids)
    for name, lines in step.get("lines", {}).items():
        fields[name] = "\r\n".join(lines)
    for name in step.get("absent", []):
        fields[name] = None
    return fields


def answer_of(response, refusal):
    """Reads a response of requests or httpx, whose names are the same."""
    answer = {
        "status": response.status_code,
        "headers": {name.lower(): value for name, value in response.headers.items()},
        "body": response.content.decode("utf-8"),
        "refused": "",
    }
    try:
        response.raise_for_status()
    except refusal as error:
        answer["refused"] = type(error).__name__
    try:
        answer["parsed"] = response.json()
    except ValueError as error:
        answer["unread"] = type(error).__name__
    return answer


def answer_steps(call):
    """Calls with the address, the way and the parameters of each step."""
    for line in sys.stdin:
        step = json.loads(line)
        answer = call(step["url"], step["way"], fields_of(step))
        print(json.dumps(answer), flush=True)
