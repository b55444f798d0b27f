"""A panel small enough for a test, yet with orders that are completed and webhooks that tell of it."""

from __future__ import annotations

import json
import threading
import time
from typing import Any, Dict, List

import httpx
from fakepanel import FakePanel, Reply, Request, refusal
from signing import new_secret, own, standard
from test_actions import ROW, SERVICE

NOON = "2026-03-01T12:00:00Z"


class SmallPanel(FakePanel):
    def __init__(self, *, only_own_signature: bool = False) -> None:
        super().__init__(self._act)
        self._sign = own if only_own_signature else standard
        self.webhooks: Dict[str, str] = {}  # secrets by address
        self.delivered: List[int] = []  # how the receivers answered
        self._placed: Dict[str, Dict[str, Any]] = {}
        self._senders: List[threading.Thread] = []

    def close(self) -> None:
        for sender in self._senders:
            sender.join()
        super().close()

    def _act(self, request: Request) -> Reply:
        fields = request.fields
        act = getattr(self, "_" + fields["action"].replace(".", "_"))
        found = act(fields)
        return found if isinstance(found, Reply) else Reply(body=found)

    def _services(self, fields: Dict[str, str]) -> Any:
        return [{**SERVICE, "type": "Package", "service": 9}, {**SERVICE, "name": "Banner <b>"}]

    def _balance(self, fields: Dict[str, str]) -> Any:
        return {"balance": "47.32", "currency": "USD"}

    def _add(self, fields: Dict[str, str]) -> Any:
        if int(fields["quantity"]) < 10:
            return refusal(400, "quantity must be between 10 and 100000")
        name = fields["request_id"]
        if name not in self._placed:
            row = {**ROW, "order": f"ord_{len(self._placed)}", "request_id": name, "link": fields["link"], "charge": "0.02"}
            self._placed[name] = row
            self._senders.append(threading.Thread(target=self._tell, args=(row,)))
            self._senders[-1].start()
        return {"order": self._placed[name]["order"], "status": "pending", "charge": "0.02", "currency": "USD"}

    def _tell(self, row: Dict[str, Any]) -> None:
        """Completes an order. Each event comes twice, and the first is sent once more at the end."""
        words = ["created", "in_progress", "completed"]
        events = [
            {"id": f"evt_{row['order']}_{n}", "type": f"order.{word}", "created_at": NOON, "sequence": n,
             "data": {**row, "status": "pending" if word == "created" else word}}
            for n, word in enumerate(words, 1)
        ]  # fmt: skip
        for event in [e for e in events for _ in range(2)] + events[:1]:
            for url, secret in list(self.webhooks.items()):
                self.delivered.append(self._deliver(url, json.dumps(event).encode(), secret))

    def _deliver(self, url: str, body: bytes, secret: str) -> int:
        headers = self._sign(body, int(time.time()), secret)
        try:
            return httpx.post(url, content=body, headers=headers, trust_env=False).status_code
        except httpx.HTTPError:
            return 0  # a receiver may end when it has seen the last state

    def _status(self, fields: Dict[str, str]) -> Any:
        one = {"status": "completed", "charge": "0.02", "start_count": None, "remains": "0", "currency": "USD"}
        if "order" in fields:
            return one
        known = {row["order"] for row in self._placed.values()}
        return {id: one if id in known else {"error": "Order not found"} for id in fields["orders"].split(",")}

    def _order(self, fields: Dict[str, str]) -> Any:
        return {**self._placed[fields["request_id"]], "orders": [], "refills": [], "timeline": []}

    def _orders(self, fields: Dict[str, str]) -> Any:
        return {"orders": list(self._placed.values()), "cursor": None}

    def _transactions(self, fields: Dict[str, str]) -> Any:
        return {"transactions": [], "cursor": "0", "currency": "USD"}

    def _changes(self, fields: Dict[str, str]) -> Any:
        return {"changes": [], "cursor": "0", "currency": "USD"}

    def _webhook_add(self, fields: Dict[str, str]) -> Any:
        secret = self.webhooks[fields["url"]] = new_secret()
        return {"id": "whk_1", "url": fields["url"], "events": fields.get("events", "ping").split(","), "secret": secret}

    def _webhook_list(self, fields: Dict[str, str]) -> Any:
        return [{"id": "whk_1", "url": url, "events": ["ping"], "state": "active", "reason": None, "created_at": NOON,
                 "last_delivery": None} for url in self.webhooks]  # fmt: skip

    def _webhook_rotate(self, fields: Dict[str, str]) -> Any:
        return {"id": "whk_1", "secret": new_secret(), "previous_expires_at": NOON}

    def _webhook_test(self, fields: Dict[str, str]) -> Any:
        return {"delivery": "dlv_1"}

    def _webhook_deliveries(self, fields: Dict[str, str]) -> Any:
        return {"deliveries": [], "cursor": None}

    def _webhook_replay(self, fields: Dict[str, str]) -> Any:
        return {"replayed": 0}

    def _webhook_remove(self, fields: Dict[str, str]) -> Any:
        self.webhooks.clear()
        return {"removed": fields["id"]}
