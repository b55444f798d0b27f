"""Every action: what it sends, and what it makes of the documented answer."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from fakepanel import KEY, FakePanel, Reply, sent

import notpanel as np

NOON = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
ORDER = "ord_01J9Z4W6Y1Q2R3S4T5V6W7X8Y9"
SERVICE = {
    "service": 1, "name": "Banner impressions", "type": "Default", "category": "Adverts", "rate": "2.00", "min": "10",
    "max": "100000", "dripfeed": True, "refill": False, "cancel": False, "description": "", "average_time": None,
    "refill_days": 0, "increment": "1", "currency": "USD",
}  # fmt: skip
ROW = {
    "order": ORDER, "number": 13, "request_id": "shop-4711", "service": 1, "link": "https://example.com/landing?from=ad#offer",
    "quantity": "1000", "status": "canceled", "charge": "0.00", "refunded": "2.00", "start_count": None, "remains": "65",
    "currency": "USD", "created_at": "2026-03-01T12:00:00Z", "updated_at": "2026-03-01T12:00:07.25Z",
}  # fmt: skip


def test_every_request_is_a_form_posted_to_the_api(call: Any, panel: FakePanel) -> None:
    panel.say(Reply(body={"balance": "98.266", "currency": "USD"}))
    assert call.balance() == np.Balance(Decimal("98.266"), "USD")
    [request] = panel.requests
    assert (request.method, request.path) == ("POST", "/api/v2")
    assert request.fields == {"key": KEY, "action": "balance"}
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.headers["user-agent"].startswith(f"notpanel-python/{np.__version__} ")
    assert not [value for value in request.headers.values() if KEY in value]


def test_user_agent_is_put_before_ours(connect: Any, panel: FakePanel) -> None:
    panel.say(Reply(body={"balance": "1.00", "currency": "USD"}))
    connect(KEY, panel.url, user_agent="shop/1.0").balance()
    assert panel.requests[0].headers["user-agent"].startswith("shop/1.0 notpanel-python/")


def test_services_are_transferred_once_while_they_do_not_change(call: Any, panel: FakePanel) -> None:
    panel.say(
        Reply(body=[SERVICE], headers={"ETag": '"a"'}),
        Reply(304),
        Reply(body=[], headers={"ETag": '"b"'}),
        Reply(304),
        Reply(body=[{**SERVICE, "name": "Bannerwerbung"}], headers={"ETag": '"c"'}),
    )
    [service] = first = call.services()
    assert service.rate == Decimal("2.00") and str(service.rate) == "2.00"
    assert (service.min, service.max, service.increment, service.average_time) == (10, 100000, 1, None)
    first.clear()  # the caller's own
    assert call.services() == [service]
    assert call.services() == [] == call.services()
    assert [s.name for s in call.services(lang="de")] == ["Bannerwerbung"]
    assert [r.headers.get("if-none-match") for r in panel.requests] == [None, '"a"', '"a"', '"b"', None]
    assert sent(panel)[-1] == {"lang": "de"}


def test_unasked_304_is_no_answer(call: Any, panel: FakePanel) -> None:
    panel.say(Reply(304))
    with pytest.raises(np.AnswerError, match="Not Modified"):
        call.services()


def test_service(call: Any, panel: FakePanel) -> None:
    facts = {"orders": 214, "start_median": 45, "start_p90": None, "completion_median": 5400, "completion_p90": 86000,
             "completed": "0.953", "partial": "0.033", "canceled": "0.009"}  # fmt: skip
    panel.say(Reply(body={**SERVICE, "facts": facts, "new_field": {}}), Reply(body={**SERVICE, "facts": None}))
    found = call.service(3, lang="pt-BR")
    assert found.facts.completed == Decimal("0.953") and found.facts.start_p90 is None
    assert isinstance(found, np.Service) and call.service(3).facts is None
    assert sent(panel) == ({"service": "3", "lang": "pt-BR"}, {"service": "3"})


def test_changes(call: Any, panel: FakePanel) -> None:
    row = {"change": 1, "service": 1, "field": "state", "before": None, "after": "active",
           "at": "2026-03-01T12:00:00Z", "effective_at": "2026-03-01T12:00:00Z"}  # fmt: skip
    panel.say(Reply(body={"changes": [row], "cursor": "1", "currency": "USD"}))
    page = call.changes(cursor="0", limit=1)
    assert page.changes == (np.Change(1, 1, "state", None, "active", NOON, NOON),)
    assert (page.cursor, page.currency) == ("1", "USD")
    assert sent(panel) == ({"cursor": "0", "limit": "1"},)


PLACED = {"order": ORDER, "status": "pending", "charge": "2.00", "currency": "USD"}


def test_add(call: Any, panel: FakePanel) -> None:
    panel.say(Reply(body=PLACED))
    link = "https://example.com/landing?from=ad&x=a b#offer ü"
    placed = call.add(1, link=link, quantity=1000, request_id="shop-4711", max_charge=Decimal("2E+1"))
    assert placed == np.PlacedOrder(ORDER, "pending", Decimal("2.00"), "USD", "shop-4711")
    assert sent(panel) == (
        {"service": "1", "link": link, "quantity": "1000", "request_id": "shop-4711", "max_charge": "20"},
    )


def test_add_sends_the_fields_of_every_type(call: Any, panel: FakePanel) -> None:
    panel.say(Reply(body=PLACED))
    placed = call.add(
        1, runs=2, interval=10, coupon="SPRING", comments=["first", "second"], usernames="a,b", hashtags=iter(["c"]),
        hashtag="d", username="e", media="https://example.com/m", answer_number=2, groups=["g"], keywords=["seo audit", "seo"],
        country="DE", device=1, type_of_traffic=2, google_keyword="k", referring_url="https://example.com/r", min=10, max=20,
        delay=0, posts=3, old_posts=1, expiry=date(2026, 12, 31), extra={"later": "field"},
    )  # fmt: skip
    fields = sent(panel)[0]
    assert fields.pop("request_id") == placed.request_id
    assert fields == {
        "service": "1", "runs": "2", "interval": "10", "coupon": "SPRING", "comments": "first\nsecond", "usernames": "a,b",
        "hashtags": "c", "hashtag": "d", "username": "e", "media": "https://example.com/m", "answer_number": "2", "groups": "g",
        "keywords": "seo audit\nseo", "country": "DE", "device": "1", "type_of_traffic": "2", "google_keyword": "k",
        "referring_url": "https://example.com/r", "min": "10", "max": "20", "delay": "0", "posts": "3", "old_posts": "1",
        "expiry": "2026-12-31", "later": "field",
    }  # fmt: skip


def test_add_makes_a_request_id_for_each_order(call: Any, panel: FakePanel) -> None:
    panel.say(Reply(body=PLACED), Reply(body=PLACED))
    made = {call.add(1).request_id, call.add(1).request_id}
    assert made == {fields["request_id"] for fields in sent(panel)}
    assert len(made) == 2 and all(len(one) == 32 for one in made)


@pytest.mark.parametrize(
    "fields",
    [
        {"quantity": 1.5}, {"max_charge": 0.1}, {"max_charge": Decimal("NaN")}, {"request_id": " "}, {"link": "\ud800"},
        {"comments": ["two\nlines"]}, {"extra": {"key": "x"}}, {"extra": {"service": "2"}}, {"link": b"bytes"},
    ],
)  # fmt: skip
def test_add_refuses_what_can_not_be_sent_as_meant(call: Any, panel: FakePanel, fields: Any) -> None:
    with pytest.raises(np.InvalidArgumentError) as caught:
        call.add(1, **fields)
    assert not panel.requests and not caught.value.outcome_unknown


STATUS = {"status": "in_progress", "charge": "0.20", "start_count": "1234", "remains": None, "currency": "USD"}


def test_status(call: Any, panel: FakePanel) -> None:
    many = {**STATUS, "runs": "2", "orders": ["ord_1", "ord_2"], "expiry": "2026-12-31", "status": "completed"}
    panel.say(Reply(body=STATUS), Reply(body=many))
    assert call.status(7) == np.OrderStatus("in_progress", Decimal("0.20"), 1234, None, "USD")
    drip = call.status(ORDER)
    assert (drip.runs, drip.posts, drip.orders, drip.expiry) == (2, None, ("ord_1", "ord_2"), date(2026, 12, 31))
    assert drip.is_final
    assert sent(panel) == ({"order": "7"}, {"order": ORDER})


def test_statuses_of_any_number_are_asked_for_by_the_hundred(call: Any, panel: FakePanel) -> None:
    def answer(first: int, last: int) -> Reply:
        return Reply(body={str(n): STATUS if n % 2 else {"error": "Order not found"} for n in range(first, last)})

    panel.say(answer(1, 101), answer(101, 201), answer(201, 206))
    found = call.statuses([*range(1, 206), 5, " 6 "])
    assert list(found) == [str(n) for n in range(1, 206)]
    assert found["205"].status.start_count == 1234 and found["205"].error is None
    assert found["204"] == np.StatusResult("204", None, "Order not found")
    assert [len(fields["orders"].split(",")) for fields in sent(panel)] == [100, 100, 5]
    assert call.statuses([]) == {}


@pytest.mark.parametrize("wrong", ["1,2", ["1,2"], [""]])
def test_ids_are_not_cut_in_pieces(call: Any, panel: FakePanel, wrong: Any) -> None:
    for ask in (call.statuses, call.refills, call.refill_statuses, call.cancels):
        with pytest.raises(np.InvalidArgumentError):
            ask(wrong)
    assert not panel.requests


@pytest.mark.parametrize("name", ["status", "refill", "cancel", "refill_status", "order"])
def test_an_empty_id_is_not_sent(call: Any, panel: FakePanel, name: str) -> None:
    with pytest.raises(np.InvalidArgumentError):
        getattr(call, name)(" ")
    assert not panel.requests


def test_refill_and_refills(call: Any, panel: FakePanel) -> None:
    rows = [{"order": "9", "refill": "ref_1"}, {"order": "7", "error": "Refill not available: the order is in_progress"}]
    panel.say(Reply(body={"refill": "ref_0"}), Reply(body=rows))
    assert call.refill(8) == "ref_0"
    assert call.refills([9, 7]) == [np.RefillResult("9", "ref_1", None), np.RefillResult("7", None, rows[1]["error"])]
    assert call.refills([]) == []
    assert sent(panel) == ({"order": "8"}, {"orders": "9,7"})


def test_refill_status_and_statuses(call: Any, panel: FakePanel) -> None:
    first = [{"refill": str(n), "status": "pending"} for n in range(100)]
    panel.say(Reply(body={"status": "pending"}), Reply(body=first), Reply(body=[{"refill": "x", "error": "Refill not found"}]))
    assert call.refill_status("ref_0") == "pending"
    found = call.refill_statuses([*range(100), "x"])
    assert found[99] == np.RefillStatusResult("99", "pending", None)
    assert found[100] == np.RefillStatusResult("x", None, "Refill not found")
    assert [set(fields) for fields in sent(panel)] == [{"refill"}, {"refills"}, {"refills"}]


def test_cancel_and_cancels(call: Any, panel: FakePanel) -> None:
    panel.say(
        Reply(body={"cancel": ORDER}),
        Reply(body=[{"order": "1", "cancel": True}, {"order": "x", "error": "Order not found"}]),
    )
    assert call.cancel(ORDER) == ORDER
    assert call.cancels([1, "x"]) == [np.CancelResult("1", True, None), np.CancelResult("x", False, "Order not found")]
    assert sent(panel) == ({"order": ORDER}, {"orders": "1,x"})


def test_order(call: Any, panel: FakePanel) -> None:
    step = {"at": "2026-03-01T12:00:00Z", "status": "pending", "start_count": None, "remains": None, "refunded": "0.00"}
    refill = {"refill": "ref_1", "status": "rejected", "reason": "the provider rejected it"}
    body = {**ROW, "orders": ["ord_2"], "refills": [refill], "timeline": [step, {**step, "note": "cancel requested"}]}
    panel.say(Reply(body=body), Reply(body=body))
    order = call.order(request_id="shop-4711")
    assert order == call.order(ORDER)
    assert order.updated_at == NOON + timedelta(seconds=7.25) and order.refunded == 2 and order.is_final
    assert (order.number, order.quantity, order.start_count, order.remains) == (13, 1000, None, 65)
    assert [s.note for s in order.timeline] == [None, "cancel requested"]
    assert order.refills == (np.OrderRefill("ref_1", "rejected", "the provider rejected it"),)
    assert sent(panel) == ({"request_id": "shop-4711"}, {"order": ORDER})
    for wrong in ({}, {"order": 1, "request_id": "x"}):
        with pytest.raises(np.InvalidArgumentError):
            call.order(**wrong)


def test_orders(call: Any, panel: FakePanel) -> None:
    panel.say(Reply(body={"orders": [ROW], "cursor": "7"}))
    page = call.orders(status="in_progress", service=1, cursor="9", limit=1)
    assert (page.orders[0].order, page.cursor) == (ORDER, "7")
    assert sent(panel) == ({"status": "in_progress", "service": "1", "cursor": "9", "limit": "1"},)


def test_transactions(call: Any, panel: FakePanel) -> None:
    row = {"transaction": 11, "type": "charge", "amount": "-0.066", "balance": "98.266", "order": None,
           "memo": "Order 9", "at": "2026-03-01T12:00:00Z"}  # fmt: skip
    panel.say(Reply(body={"transactions": [row], "cursor": "11", "currency": "USD"}))
    page = call.transactions("10", 1)
    assert page.transactions == (
        np.Transaction(11, "charge", Decimal("-0.066"), Decimal("98.266"), None, "Order 9", NOON),
    )
    assert sent(panel) == ({"cursor": "10", "limit": "1"},)


def test_webhooks(call: Any, panel: FakePanel) -> None:
    last = {"delivery": "dlv_1", "event": "evt_1", "type": "order.completed", "state": "delivered", "at": "2026-03-01T12:00:00Z"}
    row = {"id": "whk_1", "url": "https://shop.example/in", "events": ["ping"], "state": "active", "reason": None,
           "created_at": "2026-03-01T12:00:00Z", "last_delivery": None}  # fmt: skip
    panel.say(
        Reply(body={"id": "whk_1", "url": row["url"], "events": ["ping"], "secret": "whsec_x"}),
        Reply(body=[row, {**row, "last_delivery": last}]),
        Reply(body={"delivery": "dlv_1"}),
        Reply(body={"id": "whk_1", "secret": "whsec_y", "previous_expires_at": None}),
        Reply(body={"replayed": 3}),
        Reply(body={"replayed": 1}),
        Reply(body={"removed": "whk_1"}),
    )
    made = call.webhooks.add("https://shop.example/in", ["ping", "order.completed"])
    assert (made.id, made.secret) == ("whk_1", "whsec_x") and "whsec_x" not in repr(made)
    first, second = call.webhooks.list()
    assert first.last_delivery is None and second.last_delivery == np.LastDelivery(
        "dlv_1", "evt_1", "order.completed", "delivered", NOON
    )
    assert call.webhooks.test("whk_1") == "dlv_1"
    rotated = call.webhooks.rotate("whk_1", overlap=0)
    assert rotated == np.RotatedSecret("whk_1", "whsec_y", None) and "whsec_y" not in repr(rotated)
    assert call.webhooks.replay(id="whk_1", since=NOON) == 3
    assert call.webhooks.replay("dlv_1") == 1
    assert call.webhooks.remove("whk_1") is None
    actions = ["add", "list", "test", "rotate", "replay", "replay", "remove"]
    assert [r.fields["action"] for r in panel.requests] == [f"webhook.{one}" for one in actions]
    assert sent(panel) == (
        {"url": "https://shop.example/in", "events": "ping,order.completed"},
        {},
        {"id": "whk_1"},
        {"id": "whk_1", "overlap": "0"},
        {"id": "whk_1", "since": "2026-03-01T12:00:00Z"},
        {"delivery": "dlv_1"},
        {"id": "whk_1"},
    )


def test_webhook_deliveries(call: Any, panel: FakePanel) -> None:
    attempt = {"attempt": 1, "at": "2026-03-01T12:00:00Z", "status": None, "error": "timeout", "duration_ms": 123, "response": ""}
    row = {"delivery": "dlv_1", "event": "evt_1", "type": "ping", "sequence": 0, "order": None, "state": "pending",
           "created_at": "2026-03-01T12:00:00Z", "next_attempt_at": None, "request": '{"id":"evt_1"}', "attempts": [attempt]}  # fmt: skip
    panel.say(Reply(body={"deliveries": [row], "cursor": None}))
    page = call.webhooks.deliveries("whk_1", cursor="c", limit=5)
    assert page.cursor is None and page.deliveries[0].request == '{"id":"evt_1"}'
    assert page.deliveries[0].attempts == (np.DeliveryAttempt(1, NOON, None, "timeout", 123, ""),)
    assert sent(panel) == ({"id": "whk_1", "cursor": "c", "limit": "5"},)


@pytest.mark.parametrize("wrong", [{}, {"id": "w"}, {"since": "x"}, {"delivery": "d", "id": "w"}, {"delivery": "d", "since": "x"}])
def test_replay_takes_one_of_two_forms(call: Any, panel: FakePanel, wrong: Any) -> None:
    with pytest.raises(np.InvalidArgumentError):
        call.webhooks.replay(**wrong)
    assert not panel.requests
