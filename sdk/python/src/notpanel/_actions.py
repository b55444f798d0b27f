"""Every action of the API: its fields, when it is repeated, and how its answer is read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Type, TypeVar, Union

from . import _decode
from ._engine import Engine
from ._exchange import Call, Flow, Repeat
from ._fields import OrderId, form, ids, new_request_id, order_fields, words
from .errors import InvalidArgumentError, NotPanelError
from .models import (
    Balance,
    CancelResult,
    Change,
    ChangesPage,
    DeliveriesPage,
    Delivery,
    NewWebhook,
    Order,
    OrderDetails,
    OrdersPage,
    OrderStatus,
    PlacedOrder,
    RefillResult,
    RefillStatusResult,
    RotatedSecret,
    Service,
    ServiceDetails,
    StatusResult,
    Transaction,
    TransactionsPage,
    Webhook,
)

T = TypeVar("T")
IdT = TypeVar("IdT", bound=OrderId)
Rows = Tuple[Sequence[T], Optional[str], bool]
"""A page of a list: its rows, the cursor behind it, and whether it is the last for now."""

_AT_ONCE = 100  # ids in a call
_KEPT_LISTS = 16  # of services, one for each language
_FEED_PAGE = 500  # rows of a page of changes or transactions, the most there are


@dataclass(frozen=True)
class _KeptList:
    etag: str
    services: Tuple[Service, ...]


class Actions:
    """The actions as flows, for one key at one panel."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept: Dict[str, _KeptList] = {}

    def services(self, lang: Optional[str]) -> Flow[List[Service]]:
        kept = self._kept.get(lang or "")
        headers = {"If-None-Match": kept.etag} if kept else {}
        answer = yield from self._engine.exchange(Call("services", form(lang=lang), headers))
        if kept and answer.status == 304:
            return list(kept.services)
        services = self._engine.read(answer, lambda rows: _decode.decode_rows(Service, rows))
        self._keep(lang or "", answer.headers.get("etag"), services)
        return list(services)

    def _keep(self, lang: str, etag: Optional[str], services: Tuple[Service, ...]) -> None:
        if etag and (lang in self._kept or len(self._kept) < _KEPT_LISTS):
            self._kept[lang] = _KeptList(etag, services)

    def service(self, service: int, lang: Optional[str]) -> Flow[ServiceDetails]:
        return self._one(ServiceDetails, "service", service=service, lang=lang)

    def changes(self, cursor: Optional[str], limit: Optional[int]) -> Flow[ChangesPage]:
        return self._one(ChangesPage, "changes", cursor=cursor, limit=limit)

    def change_rows(self, cursor: Optional[str]) -> Flow[Rows[Change]]:
        page = yield from self.changes(cursor, _FEED_PAGE)
        return page.changes, page.cursor, len(page.changes) < _FEED_PAGE

    def add(self, given: Mapping[str, Any]) -> Flow[PlacedOrder]:
        """Takes the local variables of a client's add: its arguments, and self.

        The request_id is made here, once, before the first attempt.
        """
        name = new_request_id() if given["request_id"] is None else _id("request_id", given["request_id"]).strip()
        call = Call("add", order_fields(given, name))
        try:
            return (yield from self._engine.ask(call, lambda value: _placed(value, name)))
        except NotPanelError as error:
            error.request_id = name
            raise

    def status(self, order: OrderId) -> Flow[OrderStatus]:
        return self._one(OrderStatus, "status", order=_id("order", order))

    def statuses(self, orders: Iterable[OrderId]) -> Flow[Dict[str, StatusResult]]:
        found: Dict[str, StatusResult] = {}
        for some in _chunks(ids(orders)):
            call = Call("status", form(orders=",".join(some)))
            found.update((yield from self._engine.ask(call, _status_results)))
        return found

    def refill(self, order: OrderId) -> Flow[str]:
        return self._word("refill", "refill", order=_id("order", order))

    def refills(self, orders: Iterable[OrderId]) -> Flow[List[RefillResult]]:
        return self._results(RefillResult, "refill", ids(orders))

    def refill_status(self, refill: OrderId) -> Flow[str]:
        call = Call("refill_status", form(refill=_id("refill", refill)))
        return self._engine.ask(call, _word_of("status"))

    def refill_statuses(self, refills: Iterable[OrderId]) -> Flow[List[RefillStatusResult]]:
        found: List[RefillStatusResult] = []
        for some in _chunks(ids(refills)):
            call = Call("refill_status", form(refills=",".join(some)))
            rows = yield from self._engine.ask(call, lambda value: _decode.decode_rows(RefillStatusResult, value))
            found.extend(rows)
        return found

    def cancel(self, order: OrderId) -> Flow[str]:
        return self._word("cancel", "cancel", order=_id("order", order))

    def cancels(self, orders: Iterable[OrderId]) -> Flow[List[CancelResult]]:
        return self._results(CancelResult, "cancel", ids(orders))

    def balance(self) -> Flow[Balance]:
        return self._one(Balance, "balance")

    def order(self, order: Optional[OrderId], request_id: Optional[str]) -> Flow[OrderDetails]:
        if (order is None) == (request_id is None):
            raise InvalidArgumentError("order() takes either order or request_id")
        if order is not None:
            return self._one(OrderDetails, "order", order=_id("order", order))
        return self._one(OrderDetails, "order", request_id=_id("request_id", request_id or ""))

    def orders(
        self, status: Optional[str], service: Optional[int], cursor: Optional[str], limit: Optional[int]
    ) -> Flow[OrdersPage]:
        return self._one(OrdersPage, "orders", status=status, service=service, cursor=cursor, limit=limit)

    def order_rows(self, status: Optional[str], service: Optional[int], cursor: Optional[str]) -> Flow[Rows[Order]]:
        page = yield from self.orders(status, service, cursor, _AT_ONCE)
        return page.orders, page.cursor, page.cursor is None

    def transactions(self, cursor: Optional[str], limit: Optional[int]) -> Flow[TransactionsPage]:
        return self._one(TransactionsPage, "transactions", cursor=cursor, limit=limit)

    def transaction_rows(self, cursor: Optional[str]) -> Flow[Rows[Transaction]]:
        page = yield from self.transactions(cursor, _FEED_PAGE)
        return page.transactions, page.cursor, len(page.transactions) < _FEED_PAGE

    def webhook_add(self, url: str, events: Union[str, Iterable[str], None]) -> Flow[NewWebhook]:
        return self._one(NewWebhook, "webhook.add", Repeat.UNDONE, url=url, events=words(events))

    def webhook_list(self) -> Flow[List[Webhook]]:
        return self._engine.ask(Call("webhook.list"), lambda rows: list(_decode.decode_rows(Webhook, rows)))

    def webhook_remove(self, id: str) -> Flow[None]:
        yield from self._word("webhook.remove", "removed", id=_id("id", id))

    def webhook_test(self, id: str) -> Flow[str]:
        return self._word("webhook.test", "delivery", id=_id("id", id))

    def webhook_rotate(self, id: str, overlap: Optional[int]) -> Flow[RotatedSecret]:
        return self._one(RotatedSecret, "webhook.rotate", Repeat.UNDONE, id=_id("id", id), overlap=overlap)

    def webhook_deliveries(self, id: str, cursor: Optional[str], limit: Optional[int]) -> Flow[DeliveriesPage]:
        return self._one(DeliveriesPage, "webhook.deliveries", id=_id("id", id), cursor=cursor, limit=limit)

    def delivery_rows(self, id: str, cursor: Optional[str]) -> Flow[Rows[Delivery]]:
        page = yield from self.webhook_deliveries(id, cursor, _AT_ONCE)
        return page.deliveries, page.cursor, page.cursor is None

    def webhook_replay(
        self, delivery: Optional[str], id: Optional[str], since: Union[datetime, str, None]
    ) -> Flow[int]:
        if (delivery is None) == (id is None) or (id is None) != (since is None):
            raise InvalidArgumentError("replay() takes either delivery, or id with since")
        call = Call("webhook.replay", form(delivery=delivery, id=id, since=since), repeat=Repeat.UNDONE)
        return self._engine.ask(call, _number_of("replayed"))

    def _one(self, kind: Type[T], action: str, repeat: Repeat = Repeat.ALWAYS, **fields: object) -> Flow[T]:
        """A call that is answered with an object of a type."""
        call = Call(action, form(**fields), repeat=repeat)
        return self._engine.ask(call, lambda value: _decode.decode(kind, value))

    def _word(self, action: str, name: str, **fields: object) -> Flow[str]:
        """A call that does something and is answered with one text."""
        return self._engine.ask(Call(action, form(**fields), repeat=Repeat.UNDONE), _word_of(name))

    def _results(self, kind: Type[T], action: str, some: List[str]) -> Flow[List[T]]:
        """A call that does something to many orders. It is one request: a refused one did nothing."""
        if not some:
            return []
        call = Call(action, form(orders=",".join(some)), repeat=Repeat.UNDONE)
        return (yield from self._engine.ask(call, lambda rows: list(_decode.decode_rows(kind, rows))))


def _id(name: str, value: IdT) -> IdT:
    """An id that is not empty: an empty field counts as absent."""
    if isinstance(value, str) and not value.strip():
        raise InvalidArgumentError(f"{name} must not be empty")
    return value


def _chunks(values: List[str]) -> List[List[str]]:
    return [values[n : n + _AT_ONCE] for n in range(0, len(values), _AT_ONCE)]


def _placed(value: Any, request_id: str) -> PlacedOrder:
    if isinstance(value, dict):
        value = {**value, "request_id": request_id}
    return _decode.decode(PlacedOrder, value)


def _status_results(value: Any) -> Dict[str, StatusResult]:
    if not isinstance(value, dict):
        raise _decode.Malformed("the answer is not an object")
    return {order: _status_result(order, row) for order, row in value.items()}


def _status_result(order: str, row: Any) -> StatusResult:
    if isinstance(row, dict) and isinstance(row.get("error"), str):
        return StatusResult(order, None, row["error"])
    return StatusResult(order, _decode.decode(OrderStatus, row, f"the answer's {order}"), None)


def _word_of(name: str) -> Callable[[Any], str]:
    return lambda value: _only(value, name, str)


def _number_of(name: str) -> Callable[[Any], int]:
    return lambda value: _only(value, name, int)


def _only(value: Any, name: str, kind: Type[T]) -> T:
    found = value.get(name) if isinstance(value, dict) else None
    if not isinstance(found, kind):
        raise _decode.Malformed(f"the answer lacks {name}")
    return found
