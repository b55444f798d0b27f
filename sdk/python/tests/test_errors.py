"""Which error comes of which answer, and that none tells the key."""

from __future__ import annotations

import copy
import gzip
import json
import logging
import pickle
import pprint
import traceback
from datetime import datetime, timezone
from typing import Any, Callable, List

import pytest
from fakepanel import KEY, FakePanel, Reply, refusal
from test_retries import nobody

import notpanel as np


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (400, "Invalid API key", np.InvalidKeyError),
        (400, "Insufficient balance", np.InsufficientBalanceError),
        (400, "Service not found", np.NotFoundError),
        (400, "Order not found", np.NotFoundError),
        (400, "Refill not found", np.NotFoundError),
        (400, "Webhook not found", np.NotFoundError),
        (400, "Missing required parameter: service", np.InvalidRequestError),
        (400, "quantity must be between 10 and 100000", np.InvalidRequestError),
        (400, "Order cannot be canceled", np.InvalidRequestError),
        (400, "A text that is new", np.InvalidRequestError),
        (403, "Account suspended", np.AccountSuspendedError),
        (405, "Method not allowed: use POST", np.InvalidRequestError),
        (413, "Request body too large", np.InvalidRequestError),
        (429, "Rate limit exceeded", np.RateLimitError),
        (500, "Internal error", np.ServerError),
        (503, "Temporarily unavailable", np.ServerError),
    ],
)
def test_refusals(connect: Callable[..., Any], panel: FakePanel, status: int, text: str, kind: Any) -> None:
    panel.say(refusal(status, text, X_Request_Id="req_1"))
    with pytest.raises(np.APIError) as caught:
        connect(KEY, panel.url, max_retries=0).balance()
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.message, error.x_request_id) == (status, text, "req_1")
    assert str(error) == f"{text} (HTTP {status}, X-Request-Id req_1)"


def test_the_limits_figures(connect: Callable[..., Any], panel: FakePanel) -> None:
    figures = {"Limit": "100", "Remaining": "0", "Reset": "1767225600", "Tier-Remaining": "250", "DeniedBy": "key"}
    panel.say(
        Reply(429, {"error": "Rate limit exceeded"}, {"Retry-After": "60", **{f"X-RateLimit-{n}": v for n, v in figures.items()}}),
        Reply(429, {"error": "Rate limit exceeded"}, {"X-RateLimit-Limit": "many", "X-RateLimit-Reset": "999999999999"}),
    )
    client = connect(KEY, panel.url, max_retries=0)
    with pytest.raises(np.RateLimitError) as caught:
        client.balance()
    error = caught.value
    assert (error.limit, error.remaining, error.tier_remaining, error.denied_by, error.retry_after) == (100, 0, 250, "key", 60)
    assert error.reset == datetime(2026, 1, 1, tzinfo=timezone.utc)
    with pytest.raises(np.RateLimitError) as bare:
        client.balance()
    assert (bare.value.limit, bare.value.reset, bare.value.retry_after, bare.value.denied_by) == (None,) * 4


PLAIN = {"Content-Type": "text/plain; charset=utf-8"}
HTML = {"Content-Type": "text/html"}


def test_the_panels_plain_text_refusals(connect: Callable[..., Any], panel: FakePanel) -> None:
    client = connect(KEY, panel.url, max_retries=0)
    for status, text, kind in [
        (401, "Invalid API key\n", np.InvalidKeyError),
        (403, "Plain http is refused", np.InvalidRequestError),
        (429, "Rate limit exceeded", np.RateLimitError),
        (503, "Temporarily unavailable", np.ServerError),
    ]:
        panel.say(Reply(status, text.encode(), PLAIN))
        with pytest.raises(kind) as caught:
            client.status(7)
        assert caught.value.message == text.strip()


@pytest.mark.parametrize("status", [502, 504, 520])
def test_a_proxys_page_is_a_servers_fault(connect: Callable[..., Any], panel: FakePanel, status: int) -> None:
    panel.say(Reply(status, b"<html>\n <h1>Bad\n gateway</h1>" + b"x" * 5000, HTML))
    with pytest.raises(np.ServerError) as caught:
        connect(KEY, panel.url, max_retries=0).balance()
    assert "text/html: '<html> <h1>Bad gateway</h1>xxx" in caught.value.message and len(caught.value.message) < 300


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b"<html>Sign in to the wi-fi</html>", HTML),
        Reply(403, b"<html>Forbidden</html>", HTML),
        Reply(404, b"", PLAIN),
        Reply(200, b""),
        Reply(200, b"\xff\xfe"),
        Reply(200, b"[" * 100_000),
        Reply(200, []),
        Reply(200, {"balance": "1.00"}),
        Reply(200, {"balance": "much", "currency": "USD"}),
        Reply(200, {"balance": "NaN", "currency": "USD"}),
        Reply(200, b'{"balance": NaN, "currency": "USD"}'),
        Reply(200, {"balance": "1.00", "currency": 5}),
        Reply(404, {"message": "no route"}),
        Reply(400, {"error": {"code": 5}}),
        Reply(204, b""),
    ],
)
def test_what_is_not_the_panels(call: Any, panel: FakePanel, pauses: List[float], reply: Reply) -> None:
    panel.say(reply)
    with pytest.raises(np.AnswerError) as caught:
        call.balance()
    assert caught.value.status == reply.status
    assert str(caught.value).startswith("not an answer of the panel's API: ")
    assert not pauses


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(connect: Callable[..., Any], panel: FakePanel, status: int) -> None:
    panel.say(Reply(status, b"", {"Location": panel.url + "/elsewhere"}))
    with pytest.raises(np.AnswerError) as caught:
        connect(KEY, panel.url).balance()
    assert "redirect" in str(caught.value) and len(panel.requests) == 1


def test_a_given_client_that_follows_redirects_does_not_here(panel: FakePanel) -> None:
    httpx = pytest.importorskip("httpx")
    panel.say(Reply(307, b"", {"Location": panel.url + "/elsewhere"}))
    with httpx.Client(follow_redirects=True) as own:
        with np.Client(KEY, panel.url, http_client=own) as client, pytest.raises(np.AnswerError):
            client.balance()
        assert not own.is_closed
    assert len(panel.requests) == 1


def test_a_classic_keys_error_is_told(call: Any, panel: FakePanel) -> None:
    panel.say(Reply(200, {"error": "Invalid API key"}))
    with pytest.raises(np.InvalidKeyError):
        call.balance()


@pytest.mark.parametrize("packed", [False, True])
def test_answers_are_bounded(call: Any, panel: FakePanel, pauses: List[float], packed: bool) -> None:
    body = b" " * (32 << 20) + b"[]"
    reply = Reply(200, gzip.compress(body, 1), {"Content-Encoding": "gzip"}) if packed else Reply(200, body)
    panel.say(reply)
    with pytest.raises(np.AnswerError) as caught:
        call.services()
    assert "32 MiB" in str(caught.value) and not pauses


def test_a_packed_answer_is_unpacked(call: Any, panel: FakePanel) -> None:
    body = gzip.compress(json.dumps({"balance": "1.00", "currency": "USD"}).encode())
    panel.say(Reply(200, body, {"Content-Encoding": "gzip"}))
    assert call.balance().balance == 1
    assert panel.requests[0].headers["accept-encoding"] == "gzip"


# The key


def test_the_checksum_of_a_key() -> None:
    np.Client(KEY, "https://panel.example").close()
    for at in range(len("np_live_"), len(KEY)):
        wrong = KEY[:at] + ("a" if KEY[at] != "a" else "b") + KEY[at + 1 :]
        with pytest.raises(np.InvalidArgumentError) as caught:
            np.Client(wrong, "https://panel.example")
        assert wrong not in str(caught.value) and wrong[8:20] not in str(caught.value)


@pytest.mark.parametrize("wrong", ["", "np_live_", KEY[:-1], KEY + "0", " " + KEY, KEY + "\n", KEY.replace("live", "test"),
                                   KEY.replace("live", "prod"), KEY[8:], KEY.encode(), None])  # fmt: skip
def test_a_key_of_another_form(wrong: Any) -> None:
    for kind in (np.Client, np.AsyncClient):
        with pytest.raises(np.InvalidArgumentError) as caught:
            kind(wrong, "https://panel.example")
        assert KEY[8:20] not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    ["http://panel.example", "http://10.0.0.1", "http://localhost.example", "panel.example", "ftp://panel.example", "https://",
     "https://u:p@panel.example", "https://panel.example?x=1", "https://panel.example#x", "https://panel.example:port", ""],
)  # fmt: skip
def test_addresses_that_are_refused(wrong: str) -> None:
    with pytest.raises(np.InvalidArgumentError):
        np.Client(KEY, wrong)


@pytest.mark.parametrize(
    ("base_url", "shown"),
    [
        ("https://panel.example/", "https://panel.example/api/v2"),
        ("https://panel.example:8443/shop", "https://panel.example:8443/shop/api/v2"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/api/v2"),
        ("http://[::1]:8080", "http://[::1]:8080/api/v2"),
        ("http://localhost", "http://localhost/api/v2"),
    ],
)
def test_addresses_that_are_taken(base_url: str, shown: str) -> None:
    with np.Client(KEY, base_url) as client:
        assert repr(client) == f"Client('{shown}', key=np_live_…)"


@pytest.mark.parametrize("options", [{"timeout": 0}, {"timeout": float("nan")}, {"max_retries": -1}, {"max_wait": -1},
                                     {"user_agent": "a\r\nb"}, {"user_agent": ""}])  # fmt: skip
def test_options_that_are_refused(options: Any) -> None:
    with pytest.raises(np.InvalidArgumentError):
        np.Client(KEY, "https://panel.example", **options)


def frames_of(error: BaseException) -> str:
    """What crash reporters send: every frame with its local variables, but the tests' own."""
    assert error.__cause__ is None and error.__context__ is None
    frames = traceback.StackSummary.extract(traceback.walk_tb(error.__traceback__), capture_locals=True)
    return "".join(traceback.format_exception_only(type(error), error)) + "\n".join(
        f"{frame.name}: {name} = {value}"
        for frame in frames
        if "/tests/" not in frame.filename
        for name, value in (frame.locals or {}).items()
    )


def dumps(thing: Any) -> str:
    """All that people print of an object."""
    inner = [vars(thing), *(vars(one) for one in vars(thing).values() if hasattr(one, "__dict__"))]
    return "\n".join([repr(thing), str(thing), f"{thing}", pprint.pformat(inner)])


def test_no_dump_of_a_client_shows_the_key(call: Any, panel: FakePanel) -> None:
    panel.say(Reply(body={"balance": "1.00", "currency": "USD"}))
    call.balance()
    client = call._target
    assert KEY not in dumps(client) and KEY not in dumps(client.webhooks)
    for copier in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError) as caught:
            copier(client)
        assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(silent=True),
        Reply(hang=True),
        Reply(body={"a": "b" * 100}, cut=True),
        Reply(400, {"error": f"echo {KEY}"}),
        Reply(502, f"<pre>key={KEY}</pre>".encode(), HTML),
        Reply(200, f"key={KEY}&action=add".encode(), HTML),
        None,
    ],
)
def test_no_error_or_log_shows_the_key(
    connect: Callable[..., Any], panel: FakePanel, caplog: pytest.LogCaptureFixture, reply: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    if reply:
        panel.say(reply)
    client = connect(KEY, panel.url if reply else nobody(), max_retries=0, timeout=0.3)
    with pytest.raises(np.NotPanelError) as caught:
        client.add(1)
    shown = frames_of(caught.value) + dumps(caught.value)
    assert "attempt = " in shown  # the frames between are there, with their variables
    assert KEY not in shown and KEY not in caplog.text
