"""What the API answers, as frozen types.

Amounts are Decimal, exactly as they came. Times are datetime in UTC. None is what is not
known or not there. Words such as states are plain strings, as more may come; unknown
fields are ignored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Optional, Tuple

FINAL_STATES = frozenset({"completed", "partial", "canceled", "failed", "refunded"})
"""States in which no more is delivered. A provider may still take a completed order back."""


class Stated:
    """Has a state of an order."""

    status: str

    @property
    def is_final(self) -> bool:
        """Whether no more is delivered."""
        return self.status in FINAL_STATES


@dataclass(frozen=True)
class Service:
    """What can be ordered, at the caller's own price."""

    service: int
    """Its number."""
    name: str
    type: str
    """Decides which fields an order takes: `Default`, `Package`, `Custom Comments` and others."""
    category: str
    rate: Decimal
    """The caller's price for 1,000."""
    min: int
    max: int
    dripfeed: bool
    """Whether it can be delivered in runs."""
    refill: bool
    """Whether what was lost again is refilled."""
    cancel: bool
    """Whether a running order can be canceled; pending ones always can."""
    description: str
    average_time: Optional[int]
    """Median seconds from placing to completion; None where too few orders tell."""
    refill_days: int
    """Days after an order's end in which it can be refilled; 0 with refill is without end."""
    increment: int
    """A quantity is a multiple of it."""
    currency: str


@dataclass(frozen=True)
class Facts:
    """What was measured of a service, from the newest orders of all customers that ended.

    Times are seconds from placing; shares are of 1. None where too few orders tell.
    """

    orders: int
    start_median: Optional[int]
    start_p90: Optional[int]
    completion_median: Optional[int]
    completion_p90: Optional[int]
    completed: Optional[Decimal]
    partial: Optional[Decimal]
    canceled: Optional[Decimal]


@dataclass(frozen=True)
class ServiceDetails(Service):
    """One service, with what was measured of it."""

    facts: Optional[Facts]
    """None where fewer than 20 orders have ended."""


@dataclass(frozen=True)
class Change:
    """A change in the catalogue. Rates in it are list prices, the same for everybody."""

    change: int
    service: int
    field: str
    """`state`, `rate`, `announced_rate`, `min`, `max`, `name` and others."""
    before: Optional[str]
    """None where there was nothing before."""
    after: Optional[str]
    at: datetime
    effective_at: datetime
    """In the future for an `announced_rate`."""


@dataclass(frozen=True)
class ChangesPage:
    """Changes, the oldest first. Keep the cursor: the next call with it goes on there."""

    changes: Tuple[Change, ...]
    cursor: str
    currency: str


@dataclass(frozen=True)
class PlacedOrder:
    """An order that was placed and charged."""

    order: str
    """Its id."""
    status: str
    """`pending`; a repeat of the request is answered with the first answer."""
    charge: Decimal
    currency: str
    request_id: str
    """Your name for the order, or the one that the client made."""


@dataclass(frozen=True)
class OrderStatus(Stated):
    """How far an order is."""

    status: str
    charge: Decimal
    """What was paid less what was refunded."""
    start_count: Optional[int]
    remains: Optional[int]
    currency: str
    runs: Optional[int] = None
    """Of a drip-feed: runs that have begun."""
    posts: Optional[int] = None
    """Of a subscription: posts that have begun."""
    orders: Tuple[str, ...] = ()
    """The ids of a drip-feed's runs or a subscription's posts."""
    expiry: Optional[date] = None
    """Of a subscription that has one."""


@dataclass(frozen=True)
class StatusResult:
    """The answer for one order of many: `status`, or `error` with the panel's text."""

    order: str
    status: Optional[OrderStatus]
    error: Optional[str]


@dataclass(frozen=True)
class RefillResult:
    """The answer for one order of many: the `refill`'s id, or `error` with the panel's text."""

    order: str
    refill: Optional[str]
    error: Optional[str]


@dataclass(frozen=True)
class RefillStatusResult:
    """The answer for one refill of many: `status`, or `error` with the panel's text.

    The words are pending, in_progress, completed and rejected.
    """

    refill: str
    status: Optional[str]
    error: Optional[str]


@dataclass(frozen=True)
class CancelResult:
    """The answer for one order of many: `cancel`, or `error` with the panel's text."""

    order: str
    cancel: bool = False
    """Whether the wish was taken; what comes of it the order's status says."""
    error: Optional[str] = None


@dataclass(frozen=True)
class Balance:
    """What the key's wallet holds."""

    balance: Decimal
    currency: str


@dataclass(frozen=True)
class Order(Stated):
    """An order. What was charged at first is `charge` + `refunded`."""

    order: str
    """Its id."""
    number: int
    """Its number in the account; it does as well as the id."""
    request_id: str
    service: int
    link: str
    quantity: int
    status: str
    charge: Decimal
    """What was paid less what was refunded."""
    refunded: Decimal
    start_count: Optional[int]
    remains: Optional[int]
    currency: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class OrderRefill:
    """A refill of an order. `reason` says why one was rejected."""

    refill: str
    status: str
    reason: Optional[str] = None


@dataclass(frozen=True)
class Step:
    """A change of an order's state, a refund, or a note on its way."""

    at: datetime
    status: str
    start_count: Optional[int]
    remains: Optional[int]
    refunded: Decimal
    """What this step gave back."""
    note: Optional[str] = None
    """Such as `cancel requested` or `refill 3 completed`."""


@dataclass(frozen=True)
class OrderDetails(Order):
    """An order and what happened to it."""

    orders: Tuple[str, ...]
    """The ids of a drip-feed's runs or a subscription's posts."""
    refills: Tuple[OrderRefill, ...]
    timeline: Tuple[Step, ...]


@dataclass(frozen=True)
class OrdersPage:
    """Orders, the newest first. There is another page until `cursor` is None, also after an empty one."""

    orders: Tuple[Order, ...]
    cursor: Optional[str]


@dataclass(frozen=True)
class Transaction:
    """A line of the statement. Lines are numbered without a gap and never change."""

    transaction: int
    type: str
    """`charge`, `refund`, `deposit`, `prize`, `credit`, `debit`, `opening`."""
    amount: Decimal
    """Negative for what left the wallet."""
    balance: Decimal
    """The wallet after it."""
    order: Optional[str]
    memo: str
    at: datetime


@dataclass(frozen=True)
class TransactionsPage:
    """Lines, the oldest first. Keep the cursor: the next call with it goes on there."""

    transactions: Tuple[Transaction, ...]
    cursor: str
    currency: str


@dataclass(frozen=True)
class NewWebhook:
    """A webhook that was made. Keep its secret: it is told only here."""

    id: str
    url: str
    events: Tuple[str, ...]
    secret: str = field(repr=False)


@dataclass(frozen=True)
class LastDelivery:
    """The newest delivery to a webhook."""

    delivery: str
    event: str
    type: str
    state: str
    """`pending`, `delivered` or `failed`."""
    at: datetime


@dataclass(frozen=True)
class Webhook:
    """An address that is told of events."""

    id: str
    url: str
    events: Tuple[str, ...]
    state: str
    """`active` or `disabled`."""
    reason: Optional[str]
    """Why it is disabled: `failing` or `by its owner`."""
    created_at: datetime
    last_delivery: Optional[LastDelivery]


@dataclass(frozen=True)
class RotatedSecret:
    """A webhook's new secret. Keep it: it is told only here."""

    id: str
    secret: str = field(repr=False)
    previous_expires_at: Optional[datetime]
    """Until when deliveries are signed with the old one too; None: no more."""


@dataclass(frozen=True)
class DeliveryAttempt:
    """One try of a delivery."""

    attempt: int
    at: datetime
    status: Optional[int]
    """The receiver's HTTP status; None: no answer."""
    error: Optional[str]
    """Such as `timeout`."""
    duration_ms: Optional[int]
    response: Optional[str]
    """What the receiver answered, shortened."""


@dataclass(frozen=True)
class Delivery:
    """An event on its way to a webhook, with every try."""

    delivery: str
    event: str
    type: str
    sequence: int
    """Counts the events of one order from 1; 0 where the event is not an order's."""
    order: Optional[str]
    state: str
    """`pending`, `delivered` or `failed`."""
    created_at: datetime
    next_attempt_at: Optional[datetime]
    request: str
    """The body as it was signed."""
    attempts: Tuple[DeliveryAttempt, ...]


@dataclass(frozen=True)
class DeliveriesPage:
    """Deliveries, the newest first. There is another page until `cursor` is None."""

    deliveries: Tuple[Delivery, ...]
    cursor: Optional[str]
