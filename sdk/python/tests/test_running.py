"""Against a running panel, such as `notpanel demo`: NOTPANEL_URL, NOTPANEL_KEY, and NOTPANEL_TEST_KEY of its sandbox."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from dataclasses import dataclass
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Iterator, List, Optional, Tuple

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


def wait(client: Any, orders: List[str]) -> None:
    """Asks until all orders have ended, for tests that are not about webhooks."""
    deadline = time.monotonic() + PATIENCE
    while not all(result.status.is_final for result in client.statuses(orders).values()):
        assert time.monotonic() < deadline, f"{orders} do not end"
        time.sleep(0.2)


@dataclass
class Ended:
    """Orders of the sandbox that have ended, as they were placed."""

    complete: np.PlacedOrder
    partial: np.PlacedOrder
    refillable: List[np.PlacedOrder]


@pytest.fixture(scope="session")
def ended() -> Ended:
    """All at once, as the sandbox takes its time."""
    with np.Client(SANDBOX, URL) as client:
        plain, again = default(client), default(client, refill=True)
        made = Ended(
            client.add(plain.service, link=LINK, quantity=plain.min),
            client.add(plain.service, link=LINK + "sim=partial:40", quantity=plain.min * 10),
            [client.add(again.service, link=LINK, quantity=again.min) for _ in range(2)],
        )
        wait(client, [one.order for one in (made.complete, made.partial, *made.refillable)])
        return made


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


def test_an_order_is_placed_and_charged_once(sandbox: Any, ended: Ended) -> None:
    service, before = default(sandbox), sandbox.balance()
    placed = sandbox.add(service.service, link=LINK, quantity=service.min)
    again = sandbox.add(service.service, link=LINK, quantity=service.min, request_id=placed.request_id)
    assert again == placed and placed.charge == service.rate * service.min / 1000
    assert before.balance - sandbox.balance().balance == placed.charge


def test_an_order_tells_what_happened_to_it(sandbox: Any, ended: Ended) -> None:
    details = sandbox.order(request_id=ended.complete.request_id)
    assert details == sandbox.order(ended.complete.order) == sandbox.order(details.number)
    assert (details.link, details.status, details.charge) == (LINK, "completed", ended.complete.charge)
    assert (details.timeline[0].status, details.timeline[-1].status) == ("pending", "completed")


def test_money_comes_back_exactly(sandbox: Any, ended: Ended) -> None:
    status, details = sandbox.status(ended.partial.order), sandbox.order(ended.partial.order)
    assert status.status == "partial" and status.remains * 10 == details.quantity * 6
    assert details.charge + details.refunded == ended.partial.charge and status.charge == details.charge
    lines = [line for line in sandbox.iter_transactions() if line.order == ended.partial.order]
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
    wait(sandbox, [placed.order])
    assert sandbox.status(placed.order).charge == 0
    assert [bool(result.error) for result in sandbox.cancels([placed.order, "none"])] == [True, True]


def test_refill(sandbox: Any, ended: Ended) -> None:
    placed = ended.refillable.pop()  # the sync client's or the async one's
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
            if headers["x-notpanel-event"] == type:
                return body, headers

    def take(self, secrets: Any, type: str, order: Optional[str] = None) -> np.Event:
        """The next event of a type, verified."""
        while True:
            body, headers = self.next(type)
            event = np.verify_webhook(body, headers, secrets)
            own = {name: value for name, value in headers.items() if not name.startswith("webhook-")}
            assert np.verify_webhook(body, own, secrets) == event  # by X-NotPanel-Signature alone
            assert event.type == type
            if order is None or event.data["order"] == order:
                return event

    def _handler(inbox) -> Any:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                inbox.came.put((body, {name.lower(): value for name, value in self.headers.items()}))
                self.send_response(inbox.answers.pop(0) if inbox.answers else 204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with contextlib.closing(Inbox()) as box:
        yield box


def test_webhooks_tell_of_an_order(live: Any, inbox: Inbox) -> None:
    webhook = live.webhooks.add(inbox.url, ["order.created", "order.completed"])
    placed, created, completed = followed(live, inbox, webhook.secret)
    assert isinstance(completed, np.OrderEvent) and completed.order.request_id == placed.request_id
    assert completed.order.charge == placed.charge and completed.order.is_final and completed.sequence > created.sequence
    live.webhooks.remove(webhook.id)
    with pytest.raises(np.NotFoundError):
        live.webhooks.remove(webhook.id)


def test_webhooks_tell_of_an_order_of_the_sandbox(inbox: Inbox) -> None:
    with np.Client(SANDBOX, URL) as sandbox:
        webhook = sandbox.webhooks.add(inbox.url)
        followed(sandbox, inbox, webhook.secret)
        sandbox.webhooks.remove(webhook.id)


def followed(client: Any, inbox: Inbox, secret: str) -> Tuple[np.PlacedOrder, np.Event, np.Event]:
    """Orders, and returns what the webhook told of beginning and end."""
    service = default(client)
    placed = client.add(service.service, link=LINK, quantity=service.min)
    created = inbox.take(secret, "order.created", placed.order)
    return placed, created, inbox.take(secret, "order.completed", placed.order)


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
    with pytest.raises(np.InvalidRequestError, match="events must be of"):
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
