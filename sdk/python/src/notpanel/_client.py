"""The client that waits. _async_client.py has the same methods; a test compares them."""

from __future__ import annotations

import time
from datetime import date, datetime
from typing import Any, Dict, Iterable, List, Mapping, Optional, TypeVar, Union

import httpx

from ._actions import Actions
from ._engine import Engine
from ._exchange import STOPPED, Call, Flow, Intake, Outcome
from ._fields import Amount, Lines, OrderId
from ._walk import Walk
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


class Client:
    """A panel's API v2, for one key.

    It can be used by many threads at once. Close it, or use it in a `with` statement.
    Every method raises the errors of `notpanel.errors`.

    Sent again, with growing pauses, are all reads and `add` after 429, 500, 502, 503, 504,
    time-outs and trouble with the network. `refill`, `cancel`, and what adds, removes,
    rotates, tests or replays a webhook may have been done when an answer is lost: those are
    sent again only after 429 and where no connection could be made.

    :param key: the API key. It is refused here when its checksum does not fit.
    :param base_url: the panel's address, such as https://panel.example; http only on this machine.
    :param timeout: seconds for connecting, for sending, for each wait, and for one answer in all.
    :param max_retries: how often a request is sent again at most.
    :param max_wait: the longest single pause in seconds. Who asks by Retry-After for more is not asked again.
    :param user_agent: put before this package's own.
    :param http_client: sends the requests in place of an own one, with its proxies and
        certificates. It is not closed here. Without it the environment's proxies are
        heeded, but for a panel on this machine.
    """

    def __init__(
        self,
        key: str,
        base_url: str,
        *,
        timeout: float = 30.0,
        max_retries: int = 4,
        max_wait: float = 60.0,
        user_agent: Optional[str] = None,
        http_client: Optional[httpx.Client] = None,
    ) -> None:
        self._engine = Engine(
            key, base_url, timeout=timeout, max_retries=max_retries, max_wait=max_wait, user_agent=user_agent
        )
        self._actions = Actions(self._engine)
        self._is_own = http_client is None
        self._http = http_client or httpx.Client(trust_env=not self._engine.is_local)
        self.webhooks = Webhooks(self)
        """The actions on webhooks."""

    def __repr__(self) -> str:
        return f"Client({self._engine!r})"

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections, but not a client that was given."""
        if self._is_own:
            self._http.close()

    # ACTIONS

    def services(self, lang: Optional[str] = None) -> List[Service]:
        """What can be ordered now, in the panel's order, at your own prices.

        The list is kept in memory and transferred again only when it has changed.

        :param lang: language of names and descriptions, such as `de` or `pt-BR`; else the panel's own.
        """
        return self._run(self._actions.services(lang))

    def service(self, service: int, lang: Optional[str] = None) -> ServiceDetails:
        """One service by its number, with what was measured of it."""
        return self._run(self._actions.service(service, lang))

    def changes(self, cursor: Optional[str] = None, limit: Optional[int] = None) -> ChangesPage:
        """A page of what changed in the catalogue, the oldest first.

        :param cursor: of the page before; None begins with the first change there is, `latest` is now.
        :param limit: 1 to 500, usually 100. A page that is not full is the last for now.
        """
        return self._run(self._actions.changes(cursor, limit))

    def iter_changes(self, cursor: Optional[str] = None) -> Walk[Change]:
        """All changes since a cursor, up to now. Keep the `cursor` of what this returns."""
        return Walk(self._run, self._actions.change_rows, cursor)

    def add(
        self,
        service: int,
        *,
        link: Optional[str] = None,
        quantity: Optional[int] = None,
        request_id: Optional[str] = None,
        max_charge: Optional[Amount] = None,
        runs: Optional[int] = None,
        interval: Optional[int] = None,
        coupon: Optional[str] = None,
        comments: Optional[Lines] = None,
        usernames: Optional[Lines] = None,
        hashtags: Optional[Lines] = None,
        hashtag: Optional[str] = None,
        username: Optional[str] = None,
        media: Optional[str] = None,
        answer_number: Optional[int] = None,
        groups: Optional[Lines] = None,
        keywords: Optional[Lines] = None,
        country: Optional[str] = None,
        device: Optional[int] = None,
        type_of_traffic: Optional[int] = None,
        google_keyword: Optional[str] = None,
        referring_url: Optional[str] = None,
        min: Optional[int] = None,
        max: Optional[int] = None,
        delay: Optional[int] = None,
        posts: Optional[int] = None,
        old_posts: Optional[int] = None,
        expiry: Union[date, str, None] = None,
        extra: Optional[Mapping[str, str]] = None,
    ) -> PlacedOrder:
        """Places an order and charges it.

        It is safe to repeat with the same request_id and fields: the answer is the first
        answer, and nothing is charged twice. An error of it carries the `request_id`; where
        its `outcome_unknown` is true, repeat the call with it or ask `order(request_id=…)`.

        The fields below `coupon` belong to types of services.

        :param service: the service's number.
        :param link: an http or https URL; all types need one but Subscriptions.
        :param quantity: within the service's min, max and increment.
        :param request_id: your name for this order; one is made when there is none.
        :param max_charge: refuse rather than charge more than this.
        :param runs: drip-feed: deliver `quantity` so many times (2 to 1,000), charged at once.
        :param interval: minutes between runs.
        :param coupon: a coupon's code.
        :param comments: Custom Comments, Custom Comments Package, Comment Replies.
        :param usernames: Mentions with Hashtags, Mentions Custom List.
        :param hashtags: Mentions with Hashtags.
        :param hashtag: Mentions Hashtag.
        :param username: Mentions User Followers, Comment Likes, Comment Replies, Subscriptions.
        :param media: Mentions Media Likers: a URL.
        :param answer_number: Poll.
        :param groups: Invites from Groups.
        :param keywords: SEO.
        :param country: Web Traffic.
        :param device: Web Traffic: 1 desktop, 2 Android, 3 iOS, 4 mixed mobile, 5 mixed.
        :param type_of_traffic: Web Traffic: 1 Google keyword, 2 custom referrer, 3 blank.
        :param google_keyword: Web Traffic, with type_of_traffic 1.
        :param referring_url: Web Traffic, with type_of_traffic 2.
        :param min: Subscriptions: the least for a post.
        :param max: Subscriptions: the most for a post.
        :param delay: Subscriptions: minutes before a post's order.
        :param posts: Subscriptions: 1 to 1,000.
        :param old_posts: Subscriptions: posts there are already.
        :param expiry: Subscriptions: a day that is still to come.
        :param extra: fields that this version does not know by name.
        """
        return self._run(self._actions.add(locals()))

    def status(self, order: OrderId) -> OrderStatus:
        """How far an order is, by its id or number."""
        return self._run(self._actions.status(order))

    def statuses(self, orders: Iterable[OrderId]) -> Dict[str, StatusResult]:
        """How far many orders are, any number of them, keyed by the ids as given. 100 are asked for at once."""
        return self._run(self._actions.statuses(orders))

    def refill(self, order: OrderId) -> str:
        """Asks to deliver again what an order has lost. Returns the refill's id."""
        return self._run(self._actions.refill(order))

    def refills(self, orders: Iterable[OrderId]) -> List[RefillResult]:
        """The same for up to 100 orders, answered one by one."""
        return self._run(self._actions.refills(orders))

    def refill_status(self, refill: OrderId) -> str:
        """The state of a refill: pending, in_progress, completed or rejected."""
        return self._run(self._actions.refill_status(refill))

    def refill_statuses(self, refills: Iterable[OrderId]) -> List[RefillStatusResult]:
        """The states of many refills, any number of them. 100 are asked for at once."""
        return self._run(self._actions.refill_statuses(refills))

    def cancel(self, order: OrderId) -> str:
        """Asks to cancel an order and returns its id.

        A pending one is canceled and refunded at once; what comes of the wish for a running
        one its status says.
        """
        return self._run(self._actions.cancel(order))

    def cancels(self, orders: Iterable[OrderId]) -> List[CancelResult]:
        """The same for up to 100 orders, answered one by one."""
        return self._run(self._actions.cancels(orders))

    def balance(self) -> Balance:
        """What the key's wallet holds."""
        return self._run(self._actions.balance())

    def order(self, order: Optional[OrderId] = None, *, request_id: Optional[str] = None) -> OrderDetails:
        """An order with its timeline, by its id or number, or by the request_id that placed it."""
        return self._run(self._actions.order(order, request_id))

    def orders(
        self,
        *,
        status: Optional[str] = None,
        service: Optional[int] = None,
        cursor: Optional[str] = None,
        limit: Optional[int] = None,
    ) -> OrdersPage:
        """A page of your orders, the newest first.

        :param status: only those in this state.
        :param service: only those of this service.
        :param cursor: of the page before.
        :param limit: 1 to 100, usually 50. With a filter a page may hold fewer, even none, before the last.
        """
        return self._run(self._actions.orders(status, service, cursor, limit))

    def iter_orders(
        self, *, status: Optional[str] = None, service: Optional[int] = None, cursor: Optional[str] = None
    ) -> Walk[Order]:
        """All your orders, the newest first, of one state or service where asked."""
        return Walk(self._run, lambda here: self._actions.order_rows(status, service, here), cursor)

    def transactions(self, cursor: Optional[str] = None, limit: Optional[int] = None) -> TransactionsPage:
        """A page of your statement, the oldest line first.

        :param cursor: of the page before.
        :param limit: 1 to 500, usually 100. A page that is not full is the last for now.
        """
        return self._run(self._actions.transactions(cursor, limit))

    def iter_transactions(self, cursor: Optional[str] = None) -> Walk[Transaction]:
        """All lines of your statement since a cursor. Keep the `cursor` of what this returns."""
        return Walk(self._run, self._actions.transaction_rows, cursor)

    # END OF ACTIONS

    def _run(self, flow: Flow[T]) -> T:
        try:
            attempt = next(flow)
            while True:
                if attempt.pause:
                    time.sleep(attempt.pause)
                attempt = flow.send(self._send(attempt.call))
        except StopIteration as end:
            result: T = end.value
            return result

    def _send(self, call: Call) -> Outcome:
        intake = Intake(self._engine.timeout)
        try:
            request = self._engine.request(self._http.build_request, call)
            response = self._http.send(request, stream=True, follow_redirects=False)
            try:
                intake.begin(response)
                for piece in response.iter_bytes():
                    intake.take(piece)
            finally:
                response.close()
            return intake.whole()
        except STOPPED as error:
            return intake.stopped(error)


class Webhooks:
    """The actions on webhooks. A key sees those that were made with it alone."""

    def __init__(self, client: Client) -> None:
        self._actions, self._run = client._actions, client._run

    # WEBHOOKS

    def add(self, url: str, events: Union[str, Iterable[str], None] = None) -> NewWebhook:
        """Has events told to an address. Keep the secret of the answer: it is told only here.

        :param url: https, at a public address.
        :param events: such as `order.completed`; None is all but `service.changed`.
        """
        return self._run(self._actions.webhook_add(url, events))

    def list(self) -> List[Webhook]:
        """The key's webhooks, the oldest first."""
        return self._run(self._actions.webhook_list())

    def remove(self, id: str) -> None:
        """Ends a webhook."""
        return self._run(self._actions.webhook_remove(id))

    def test(self, id: str) -> str:
        """Sends a `ping` now. Returns the delivery's id."""
        return self._run(self._actions.webhook_test(id))

    def rotate(self, id: str, overlap: Optional[int] = None) -> RotatedSecret:
        """Makes a new secret.

        :param overlap: hours in which deliveries are signed with the old one too: 0 to 168, usually 24.
        """
        return self._run(self._actions.webhook_rotate(id, overlap))

    def deliveries(self, id: str, cursor: Optional[str] = None, limit: Optional[int] = None) -> DeliveriesPage:
        """A page of a webhook's deliveries, the newest first.

        :param cursor: of the page before.
        :param limit: 1 to 100, usually 25.
        """
        return self._run(self._actions.webhook_deliveries(id, cursor, limit))

    def iter_deliveries(self, id: str, cursor: Optional[str] = None) -> Walk[Delivery]:
        """All deliveries of a webhook, the newest first."""
        return Walk(self._run, lambda here: self._actions.delivery_rows(id, here), cursor)

    def replay(
        self, delivery: Optional[str] = None, *, id: Optional[str] = None, since: Union[datetime, str, None] = None
    ) -> int:
        """Sends one delivery again, or all of a webhook that failed since a time. Returns how many."""
        return self._run(self._actions.webhook_replay(delivery, id, since))
