"""Walks through lists of many pages."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from fakepanel import FakePanel, Reply, sent
from test_actions import ROW


def orders(numbers: List[int], cursor: Optional[str]) -> Reply:
    return Reply(body={"orders": [{**ROW, "number": n} for n in numbers], "cursor": cursor})


def test_orders_go_on_over_empty_pages_until_the_cursor_is_null(call: Any, panel: FakePanel) -> None:
    panel.say(orders([9, 8], "8"), orders([], "5"), orders([4], None))
    assert [o.number for o in call.iter_orders(status="completed", service=1)] == [9, 8, 4]
    assert [fields.get("cursor") for fields in sent(panel)] == [None, "8", "5"]
    assert all(fields["status"] == "completed" and fields["limit"] == "100" for fields in sent(panel))


def test_pages_are_asked_for_when_they_are_needed(call: Any, panel: FakePanel) -> None:
    panel.say(orders([9, 8], "8"))
    walk = call.iter_orders()
    assert not panel.requests
    assert next(walk).number == 9 and walk.cursor is None  # in the middle of the first page
    assert next(walk).number == 8 and walk.cursor == "8"
    assert len(panel.requests) == 1


def feed(first: int, count: int) -> List[Dict[str, Any]]:
    return [
        {"change": n, "service": 1, "field": "rate", "before": "1.00", "after": "2.00",
         "at": "2026-03-01T12:00:00Z", "effective_at": "2026-03-01T12:00:00Z"}
        for n in range(first, first + count)
    ]  # fmt: skip


def test_changes_end_with_a_page_that_is_not_full_and_can_go_on_from_there(call: Any, panel: FakePanel) -> None:
    panel.say(
        Reply(body={"changes": feed(1, 500), "cursor": "500", "currency": "USD"}),
        Reply(body={"changes": feed(501, 1), "cursor": "501", "currency": "USD"}),
        Reply(body={"changes": [], "cursor": "501", "currency": "USD"}),
    )
    walk = call.iter_changes("0")
    assert [c.change for c in walk] == list(range(1, 502))
    assert walk.cursor == "501"
    assert list(call.iter_changes(walk.cursor)) == []
    assert [fields["cursor"] for fields in sent(panel)] == ["0", "500", "501"]


def test_transactions_and_deliveries(call: Any, panel: FakePanel) -> None:
    line = {"transaction": 1, "type": "opening", "amount": "5.00", "balance": "5.00", "order": None, "memo": "",
            "at": "2026-03-01T12:00:00Z"}  # fmt: skip
    panel.say(
        Reply(body={"transactions": [line], "cursor": "1", "currency": "USD"}),
        Reply(body={"deliveries": [], "cursor": "c"}),
        Reply(body={"deliveries": [], "cursor": None}),
    )
    walk = call.iter_transactions()
    assert [t.transaction for t in walk] == [1] and walk.cursor == "1"
    assert list(call.webhooks.iter_deliveries("whk_1")) == []
    assert sent(panel)[1:] == ({"id": "whk_1", "limit": "100"}, {"id": "whk_1", "cursor": "c", "limit": "100"})
