"""A reseller's shop: services with a mark-up, an order form, and orders whose state webhooks bring.

    NOTPANEL_URL=https://panel.example NOTPANEL_KEY=np_test_… PORT=8000 python shop.py

The panel has to reach the shop: NOTPANEL_WEBHOOK_URL is its public address with /webhook behind it.
"""

import os
import secrets
from decimal import Decimal
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Dict, Set, Tuple
from urllib.parse import parse_qs

from notpanel import Client, NotPanelError, OrderEvent, PlacedOrder, WebhookError, verify_webhook

MARK_UP = Decimal("1.30")
panel = Client(os.environ["NOTPANEL_KEY"], os.environ["NOTPANEL_URL"])
placed: Dict[str, Tuple[str, PlacedOrder]] = {}  # by request_id, the newest last, with its link
states: Dict[str, Tuple[int, str]] = {}  # by the order's id: the event's sequence and the state
seen: Set[str] = set()  # ids of events: a delivery may come twice


def page(message: str = "", request_id: str = "") -> str:
    services = [service for service in panel.services() if service.type == "Default"]
    offers = "".join(f"<tr><td>{escape(s.name)}<td>{s.rate * MARK_UP:.2f} {s.currency}<td>{s.min}–{s.max}" for s in services)
    options = "".join(f"<option value={s.service}>{escape(s.name)}" for s in services)
    orders = "".join(
        f"<tr><td>{order.order}<td>{escape(link)}<td>{states.get(order.order, (0, order.status))[1]}"
        for link, order in reversed(list(placed.values()))
    )
    return f"""<!doctype html><meta charset=utf-8><title>Shop</title><h1>Shop</h1><p role=status>{escape(message)}
<table><caption>Prices for 1,000</caption>{offers}</table>
<form method=post action=/order><input type=hidden name=request_id value="{escape(request_id) or secrets.token_hex(16)}">
<select name=service aria-label=Service>{options}</select>
<input name=link type=url aria-label=Link required> <input name=quantity type=number aria-label=Quantity required>
<button>Order</button></form><table><caption>Orders</caption>{orders}</table>"""


def order(form: Dict[str, str]) -> str:
    """Orders once, however often the form is sent: its request_id names the order. Returns what is to be said."""
    try:
        name, link, service, quantity = form["request_id"], form["link"], int(form["service"]), int(form["quantity"])
        placed[name] = (link, panel.add(service, request_id=name, link=link, quantity=quantity))
    except (NotPanelError, ValueError, KeyError) as error:
        unsure = isinstance(error, NotPanelError) and error.outcome_unknown
        return f"{'Perhaps' if unsure else 'Not'} ordered: {error}"
    return ""


def take(event: OrderEvent) -> None:
    """Notes the order's newest state; a replay brings an old one."""
    if event.id not in seen and event.sequence > states.get(event.order.order, (0, ""))[0]:
        states[event.order.order] = (event.sequence, event.order.status)
    seen.add(event.id)


class Shop(BaseHTTPRequestHandler):
    secret = ""

    def do_GET(self) -> None:
        self.answer(200, page())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/webhook":
            return self.take(body)
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        trouble = order(form)
        self.answer(400, page(trouble, form.get("request_id", ""))) if trouble else self.answer(303, location="/")

    def take(self, body: bytes) -> None:
        try:
            event = verify_webhook(body, self.headers, self.secret)
        except WebhookError as error:
            return self.answer(400, str(error))
        if isinstance(event, OrderEvent):
            take(event)
        self.answer(204)

    def answer(self, status: int, text: str = "", location: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(text.encode())


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "0"))), Shop)
    address = f"http://127.0.0.1:{server.server_address[1]}"
    webhook = panel.webhooks.add(os.environ.get("NOTPANEL_WEBHOOK_URL", f"{address}/webhook"))
    Shop.secret = webhook.secret
    print(f"The shop is at {address}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        panel.webhooks.remove(webhook.id)
