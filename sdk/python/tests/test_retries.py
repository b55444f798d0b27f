"""What is sent again, when, and what an error says when it does not help."""

from __future__ import annotations

import email.utils
import socket
from datetime import datetime, timedelta, timezone
from typing import Any, Callable, List

import pytest
from fakepanel import KEY, FakePanel, Reply, refusal, sent

import notpanel as np

BALANCE = Reply(body={"balance": "1.00", "currency": "USD"})
PLACED = Reply(body={"order": "ord_1", "status": "pending", "charge": "2.00", "currency": "USD"})
FAULTS = [
    refusal(429, "Rate limit exceeded"),
    refusal(500, "Internal error"),
    Reply(502, b"<html>Bad Gateway</html>", {"Content-Type": "text/html"}),
    refusal(503, "Temporarily unavailable"),
    Reply(504, b""),
    Reply(body={"balance": "9" * 100}, cut=True),
    Reply(silent=True),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_reads_are_repeated(call: Any, panel: FakePanel, pauses: List[float], fault: Reply) -> None:
    panel.say(fault, fault, BALANCE)
    assert call.balance().balance == 1
    assert len(panel.requests) == 3 and len(pauses) == 2


@pytest.mark.parametrize("fault", FAULTS)
def test_add_is_repeated_with_the_request_id_of_the_first_try(call: Any, panel: FakePanel, fault: Reply) -> None:
    panel.say(fault, fault, PLACED)
    placed = call.add(1, link="https://example.com/a", quantity=10)
    first, second, third = sent(panel)
    assert first == second == third and first["request_id"] == placed.request_id


def test_pauses_grow_with_jitter_up_to_the_most_retries(call: Any, panel: FakePanel, pauses: List[float]) -> None:
    panel.say(*[refusal(500, "Internal error")] * 5)
    with pytest.raises(np.ServerError):
        call.balance()
    assert len(pauses) == 4
    for pause, longest in zip(pauses, [0.5, 1, 2, 4]):
        assert longest / 2 <= pause <= longest


def test_the_most_retries_can_be_chosen(connect: Callable[..., Any], panel: FakePanel, pauses: List[float]) -> None:
    panel.say(*[refusal(500, "Internal error")] * 8)
    for most in (0, 6):
        with pytest.raises(np.ServerError):
            connect(KEY, panel.url, max_retries=most).balance()
    assert len(panel.requests) == 1 + 7
    assert max(pauses) <= 8


def test_retry_after_is_waited_for(call: Any, panel: FakePanel, pauses: List[float]) -> None:
    date = email.utils.format_datetime(datetime.now(timezone.utc) + timedelta(seconds=30), usegmt=True)
    panel.say(*[refusal(status, "x", Retry_After=after) for status, after in [(429, "17"), (503, "2"), (429, date), (429, "?")]])
    panel.say(BALANCE)
    call.balance()
    assert 17 <= pauses[0] <= 17.25 and 2 <= pauses[1] <= 2.25 and 25 < pauses[2] <= 30.25
    assert pauses[3] <= 4


def test_who_asks_for_too_long_a_pause_is_not_asked_again(call: Any, panel: FakePanel, pauses: List[float]) -> None:
    panel.say(refusal(429, "Rate limit exceeded", Retry_After="61"))
    with pytest.raises(np.RateLimitError) as caught:
        call.balance()
    assert caught.value.retry_after == 61 and not pauses


def test_the_longest_pause_can_be_chosen(connect: Callable[..., Any], panel: FakePanel, pauses: List[float]) -> None:
    panel.say(refusal(429, "Rate limit exceeded", Retry_After="5"), refusal(429, "Rate limit exceeded"), BALANCE)
    client = connect(KEY, panel.url, max_wait=0.1)
    with pytest.raises(np.RateLimitError):
        client.balance()
    client.balance()
    assert pauses == [0.1]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 408, 413, 421, 501, 505])
def test_other_refusals_are_not_repeated(call: Any, panel: FakePanel, pauses: List[float], status: int) -> None:
    panel.say(refusal(status, "no"))
    with pytest.raises(np.APIError):
        call.add(1)
    assert not pauses


ONCE: List[Callable[[Any], Any]] = [
    lambda c: c.refill(1),
    lambda c: c.refills([1]),
    lambda c: c.cancel(1),
    lambda c: c.cancels([1]),
    lambda c: c.webhooks.add("https://shop.example/in"),
    lambda c: c.webhooks.remove("whk_1"),
    lambda c: c.webhooks.test("whk_1"),
    lambda c: c.webhooks.rotate("whk_1"),
    lambda c: c.webhooks.replay("dlv_1"),
]


@pytest.mark.parametrize("act", ONCE)
def test_what_may_have_been_done_is_not_repeated(call: Any, panel: FakePanel, pauses: List[float], act: Any) -> None:
    for fault in FAULTS[1:]:
        panel.say(fault)
        with pytest.raises(np.NotPanelError) as caught:
            act(call)
        assert caught.value.outcome_unknown
    assert not pauses


@pytest.mark.parametrize("act", ONCE)
def test_what_was_surely_not_done_is_repeated(
    call: Any, connect: Callable[..., Any], panel: FakePanel, pauses: List[float], act: Any
) -> None:
    panel.say(refusal(429, "Rate limit exceeded"), refusal(400, "x"))
    with pytest.raises(np.InvalidRequestError) as caught:
        act(call)
    assert len(pauses) == 1 and not caught.value.outcome_unknown
    with pytest.raises(np.APIConnectionError) as unsent:
        act(connect(KEY, nobody()))
    assert len(pauses) == 1 + 4 and not unsent.value.outcome_unknown


READS: List[Callable[[Any], Any]] = [
    lambda c: c.services(),
    lambda c: c.service(1),
    lambda c: c.changes(),
    lambda c: c.status(1),
    lambda c: c.statuses([1]),
    lambda c: c.refill_status(1),
    lambda c: c.refill_statuses([1]),
    lambda c: c.order(1),
    lambda c: c.orders(),
    lambda c: c.transactions(),
    lambda c: c.webhooks.list(),
    lambda c: c.webhooks.deliveries("whk_1"),
]


@pytest.mark.parametrize("act", READS)
def test_every_read_is_repeated(call: Any, panel: FakePanel, pauses: List[float], act: Any) -> None:
    panel.say(refusal(500, "Internal error"), Reply(silent=True), refusal(400, "x"))
    with pytest.raises(np.InvalidRequestError):
        act(call)
    assert len(pauses) == 2


def nobody() -> str:
    """An address where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_no_connection(connect: Callable[..., Any], pauses: List[float]) -> None:
    with pytest.raises(np.APIConnectionError) as caught:
        connect(KEY, nobody()).add(1, request_id="shop-1")
    assert len(pauses) == 4
    assert caught.value.request_id == "shop-1" and not caught.value.outcome_unknown
    assert not isinstance(caught.value, np.APITimeoutError) and "ConnectError" in str(caught.value)


def test_no_answer_in_time(connect: Callable[..., Any], panel: FakePanel, pauses: List[float]) -> None:
    panel.say(Reply(hang=True), Reply(hang=True))
    with pytest.raises(np.APITimeoutError) as caught:
        connect(KEY, panel.url, timeout=0.2, max_retries=1).add(1)
    assert str(caught.value) == "no answer in 0.2 s"
    assert caught.value.outcome_unknown and caught.value.request_id == sent(panel)[1]["request_id"]


def test_an_answer_that_trickles_in_is_late(connect: Callable[..., Any], panel: FakePanel, monkeypatch: Any) -> None:
    seconds = iter([0.0, 29.0, 31.0])
    monkeypatch.setattr("notpanel._exchange.Intake.__init__.__defaults__", (lambda: next(seconds),))
    panel.say(Reply(body={"balance": "1" * 300_000}))
    with pytest.raises(np.APITimeoutError):
        connect(KEY, panel.url, max_retries=0).balance()


def test_the_error_of_a_repeat_tells_that_an_earlier_try_may_have_placed_the_order(call: Any, panel: FakePanel) -> None:
    panel.say(Reply(silent=True), refusal(403, "Account suspended"))
    with pytest.raises(np.AccountSuspendedError) as caught:
        call.add(1, request_id="shop-1")
    assert caught.value.outcome_unknown and caught.value.request_id == "shop-1"


def test_a_refusal_of_add_is_sure(call: Any, panel: FakePanel) -> None:
    panel.say(refusal(429, "Rate limit exceeded"), refusal(400, "Insufficient balance"))
    with pytest.raises(np.InsufficientBalanceError) as caught:
        call.add(1)
    assert not caught.value.outcome_unknown
    assert caught.value.request_id == sent(panel)[0]["request_id"] == sent(panel)[1]["request_id"]


@pytest.mark.parametrize("fault", FAULTS[1:] + [Reply(200, b"<html>"), Reply(200, {"order": 1}), Reply(200, [])])
def test_an_add_whose_outcome_is_unknown_says_so(connect: Callable[..., Any], panel: FakePanel, fault: Reply) -> None:
    panel.say(fault)
    with pytest.raises(np.NotPanelError) as caught:
        connect(KEY, panel.url, max_retries=0).add(1)
    assert caught.value.outcome_unknown and caught.value.request_id == sent(panel)[0]["request_id"]
