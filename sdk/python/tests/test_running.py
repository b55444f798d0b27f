"""Against a running panel, such as `notpanel demo`: NOTPANEL_URL, NOTPANEL_KEY, and NOTPANEL_TEST_KEY of its sandbox."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Iterator, List, Optional

import httpx
import pytest
import samples
from test_samples import shop

import notpanel as np

URL, LIVE, SANDBOX = (os.environ.get(f"NOTPANEL_{name}", "") for name in ("URL", "KEY", "TEST_KEY"))
pytestmark = pytest.mark.skipif(not (URL and LIVE and SANDBOX), reason="no running panel: NOTPANEL_URL and keys are not set")

Connect = Callable[..., Any]
LINK = "https://example.com/landing?from=ad#"
PATIENCE = 60  # seconds for the simulator, which takes some


@pytest.fixture
def live(connect: Connect) -> Any:
    return connect(LIVE, URL)


@pytest.fixture
def sandbox(connect: Connect) -> Any:
    return connect(SANDBOX, URL)


def default(client: Any, **wanted: Any) -> np.Service:
    """A service that is ordered by quantity alone."""
    for service in client.services():
        if service.type == "Default" and all(getattr(service, name) == value for name, value in wanted.items()):
            found: np.Service = service
            return found
    raise AssertionError(f"no service with {wanted}")


def ended(client: Any, order: str) -> np.OrderStatus:
    """Asks until the order has ended, for tests that are not about webhooks."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found: np.OrderStatus = client.status(order)
        if found.is_final:
            return found
        time.sleep(0.2)
    raise AssertionError(f"{order} does not end")


def test_services_are_listed_once() -> None:
    answers: List[int] = []
    hooks = {"response": [lambda answer: answers.append(answer.status_code)]}
    with httpx.Client(trust_env=False, event_hooks=hooks) as http:
        client = np.Client(LIVE, URL, http_client=http)
        first = client.services()
        assert first and client.services() == first and answers == [200, 304]
    assert all(service.rate > 0 and service.currency for service in first)


def test_service_and_its_facts(live: Any) -> None:
    listed = default(live)
    found = live.service(listed.service, lang="tr")
    assert (found.service, found.rate) == (listed.service, listed.rate)
    assert found.facts is None or found.facts.orders >= 20


def test_an_order_is_placed_once_and_followed(sandbox: Any) -> None:
    service = default(sandbox)
    before = sandbox.balance()
    placed = sandbox.add(service.service, link=LINK, quantity=service.min)
    again = sandbox.add(service.service, link=LINK, quantity=service.min, request_id=placed.request_id)
    assert again == placed and placed.charge == service.rate * service.min / 1000
    assert ended(sandbox, placed.order).status == "completed"
    details = sandbox.order(request_id=placed.request_id)
    assert details == sandbox.order(placed.order) == sandbox.order(details.number)
    assert (details.link, details.quantity, details.timeline[0].status) == (LINK, service.min, "pending")
    assert before.balance - sandbox.balance().balance == placed.charge


def test_money_comes_back_exactly(sandbox: Any) -> None:
    service = default(sandbox)
    placed = sandbox.add(service.service, link=LINK + "sim=partial:40", quantity=service.min * 10)
    status = ended(sandbox, placed.order)
    assert status.status == "partial" and status.remains == service.min * 6
    details = sandbox.order(placed.order)
    assert details.charge + details.refunded == placed.charge and status.charge == details.charge
    lines = [line for line in sandbox.iter_transactions() if line.order == placed.order]
    assert [line.type for line in lines] == ["charge", "refund"]
    assert sum(line.amount for line in lines) == -details.charge
    assert isinstance(details.charge, Decimal)


def test_statuses_of_many(sandbox: Any) -> None:
    placed = sandbox.add(default(sandbox).service, link=LINK, quantity=default(sandbox).min)
    found = sandbox.statuses([placed.order, *(f"none-{n}" for n in range(250))])
    assert len(found) == 251 and found[placed.order].status.charge == placed.charge
    assert found["none-249"].error == "Order not found"


def test_cancel(sandbox: Any) -> None:
    service = default(sandbox, cancel=True)
    placed = sandbox.add(service.service, link=LINK + "sim=slow:60s", quantity=service.min)
    assert sandbox.cancel(placed.order) == placed.order
    assert ended(sandbox, placed.order).charge == 0
    assert [bool(result.error) for result in sandbox.cancels([placed.order, "none"])] == [True, True]


def test_refill(sandbox: Any) -> None:
    service = default(sandbox, refill=True)
    placed = sandbox.add(service.service, link=LINK, quantity=service.min)
    ended(sandbox, placed.order)
    refill = sandbox.refill(placed.order)
    assert sandbox.refill_status(refill) in ("pending", "in_progress", "completed")
    first, second = sandbox.refill_statuses([refill, "none"])
    assert first.status and second.error == "Refill not found"
    assert all(result.error for result in sandbox.refills([placed.order, "none"]))


def test_lists_go_through_all_pages(sandbox: Any) -> None:
    service = default(sandbox)
    made = [sandbox.add(service.service, link=LINK, quantity=service.min).order for _ in range(3)]
    page = sandbox.orders(limit=1)
    assert [one.order for one in page.orders] == made[:1:-1] and page.cursor
    walk = sandbox.iter_orders(service=service.service, cursor=page.cursor)
    assert [next(walk).order, next(walk).order] == made[1::-1]
    rows = list(sandbox.iter_transactions())
    assert [row.transaction for row in rows] == list(range(1, len(rows) + 1))
    for before, after in zip(rows, rows[1:]):
        assert before.balance + after.amount == after.balance


def test_changes(live: Any) -> None:
    walk = live.iter_changes()
    changes = list(walk)
    assert changes and walk.cursor == live.changes("latest").cursor
    assert list(live.iter_changes(walk.cursor)) == []


def test_refusals_are_told_apart(live: Any, connect: Connect) -> None:
    service = default(live)
    with pytest.raises(np.NotFoundError):
        live.add(999_999, link=LINK, quantity=1)
    with pytest.raises(np.NotFoundError):
        live.status("no-such-order")
    with pytest.raises(np.InvalidRequestError, match="quantity must be between") as caught:
        live.add(service.service, link=LINK, quantity=service.min - 1)
    assert caught.value.status == 400 and caught.value.x_request_id and not caught.value.outcome_unknown
    with pytest.raises(np.InsufficientBalanceError):
        live.add(service.service, link=LINK, quantity=service.max)
    for act in (lambda c: c.balance(), lambda c: c.status(7)):  # the second is refused in plain text
        with pytest.raises(np.InvalidKeyError):
            act(connect("np_live_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf1fIRFH", URL))


def test_the_samples_run() -> None:
    """But those of webhooks, whose address nobody has."""
    [setup] = samples.of_kind("setup")
    for program in samples.of_kind("sample"):
        if "shop.example" not in program:
            samples.run(setup + program.replace("shop-4711", f"shop-{time.time_ns()}"), URL, LIVE)


class Inbox:
    """Receives deliveries on this machine and keeps them as they came."""

    def __init__(self) -> None:
        self.came: "queue.Queue[tuple[bytes, Any]]" = queue.Queue()
        self.answers: List[int] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/in"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def next(self, type: str) -> Any:
        """The body and headers of the next delivery of a type, also while other tests' orders go on."""
        while True:
            body, headers = self.came.get(timeout=PATIENCE)
            if headers["X-NotPanel-Event"] == type:
                return body, headers

    def take(self, secrets: Any, type: str, order: Optional[str] = None) -> np.Event:
        """The next event of a type, verified."""
        while True:
            body, headers = self.next(type)
            event = np.verify_webhook(body, headers, secrets)
            own = {name: value for name, value in headers.items() if not name.lower().startswith("webhook-")}
            assert np.verify_webhook(body, own, secrets) == event  # by X-NotPanel-Signature alone
            assert event.type == type
            if order is None or event.data["order"] == order:
                return event

    def _handler(inbox) -> Any:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                inbox.came.put((body, dict(self.headers.items())))
                self.send_response(inbox.answers.pop(0) if inbox.answers else 204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with contextlib.closing(Inbox()) as box:
        yield box


@pytest.fixture(params=[LIVE, SANDBOX], ids=["live", "sandbox"])
def either(request: pytest.FixtureRequest, connect: Connect) -> Any:
    return connect(request.param, URL)


def test_webhooks_tell_of_an_order(either: Any, inbox: Inbox) -> None:
    webhook = either.webhooks.add(inbox.url, ["order.created", "order.completed"])
    service = default(either)
    placed = either.add(service.service, link=LINK, quantity=service.min)
    created = inbox.take(webhook.secret, "order.created", placed.order)
    completed = inbox.take(webhook.secret, "order.completed", placed.order)
    assert isinstance(completed, np.OrderEvent) and completed.order.request_id == placed.request_id
    assert completed.order.charge == placed.charge and completed.order.is_final and completed.sequence > created.sequence
    either.webhooks.remove(webhook.id)
    with pytest.raises(np.NotFoundError):
        either.webhooks.remove(webhook.id)


def test_webhooks_from_beginning_to_end(sandbox: Any, inbox: Inbox) -> None:
    webhook = sandbox.webhooks.add(inbox.url)
    assert webhook.url == inbox.url and "order.completed" in webhook.events and "service.changed" not in webhook.events
    assert [w.state for w in sandbox.webhooks.list() if w.id == webhook.id] == ["active"]
    delivery = sandbox.webhooks.test(webhook.id)
    ping = inbox.take(webhook.secret, "ping")
    assert isinstance(ping, np.PingEvent) and ping.webhook == webhook.id

    rotated = sandbox.webhooks.rotate(webhook.id, overlap=1)
    assert rotated.secret != webhook.secret and rotated.previous_expires_at
    sandbox.webhooks.test(webhook.id)
    body, headers = inbox.next("ping")
    for secret in (webhook.secret, rotated.secret):  # signed with both
        assert np.verify_webhook(body, headers, secret).type == "ping"
    assert sandbox.webhooks.rotate(webhook.id, overlap=0).previous_expires_at is None

    assert sandbox.webhooks.replay(delivery) == 1
    body, _ = inbox.next("ping")
    assert ping.id.encode() in body  # a replay keeps the event's id
    rows = {row.delivery: row for row in sandbox.webhooks.iter_deliveries(webhook.id)}
    assert rows[delivery].type == "ping" and ping.id in rows[delivery].request and rows[delivery].attempts
    page = sandbox.webhooks.deliveries(webhook.id, limit=1)
    assert len(page.deliveries) == 1 and page.cursor
    assert sandbox.webhooks.replay(id=webhook.id, since="2026-01-01T00:00:00Z") == 0  # none failed
    sandbox.webhooks.remove(webhook.id)
    assert webhook.id not in {w.id for w in sandbox.webhooks.list()}


def test_webhook_refusals(sandbox: Any) -> None:
    with pytest.raises(np.InvalidRequestError, match="unknown event"):
        sandbox.webhooks.add("http://127.0.0.1:9/in", ["order.flown"])
    with pytest.raises(np.InvalidRequestError, match="^url "):
        sandbox.webhooks.add("ftp://shop.example/in")
    for act in (sandbox.webhooks.test, sandbox.webhooks.rotate, sandbox.webhooks.remove, sandbox.webhooks.deliveries):
        with pytest.raises(np.NotFoundError):
            act("whk_none")


def test_the_complete_sample_sees_its_order_completed() -> None:
    [program] = samples.of_kind("complete")
    assert samples.run(program, URL, LIVE).splitlines()[-1].endswith(" completed")


def test_the_shops_page_shows_the_order_completed() -> None:
    with np.Client(LIVE, URL) as panel:
        service = default(panel)
    with shop(URL, LIVE) as address, httpx.Client(base_url=address, trust_env=False) as visitor:
        form = {"service": service.service, "link": LINK, "quantity": service.min, "request_id": f"form-{time.time_ns()}"}
        assert visitor.post("/order", data=form).status_code == 303
        deadline = time.monotonic() + PATIENCE
        while "<td>completed" not in visitor.get("/").text:
            assert time.monotonic() < deadline, visitor.get("/").text
            time.sleep(0.2)
