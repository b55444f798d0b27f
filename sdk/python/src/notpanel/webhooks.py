"""Deliveries of webhooks: is it the panel's, and what does it tell?"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import time
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Protocol, Sequence, Tuple, Union

from . import _decode
from .errors import HeaderError, PayloadError, SecretError, SignatureError, TimestampError
from .models import Change, Stated

Text = Union[str, bytes]


class _Items(Protocol):
    def items(self) -> Iterable[Tuple[Any, Any]]: ...


Headers = Union[_Items, Iterable[Tuple[Text, Text]]]
"""A framework's headers: a mapping in any case of letters, pairs as in ASGI, or WSGI's environ."""

_SECRET_BYTES = 32
_SECONDS = re.compile(r"\d{1,12}", re.ASCII)


@dataclass(frozen=True)
class OrderData(Stated):
    """The order of an event, as it was then."""

    order: str
    number: int
    request_id: Optional[str]
    status: str
    charge: Decimal
    """What was paid less what was refunded."""
    refunded: Decimal
    start_count: Optional[int]
    remains: Optional[int]
    currency: str
    link: Optional[str]
    service: int


@dataclass(frozen=True)
class Event:
    """What a delivery tells. A delivery may come twice: de-duplicate by `id`."""

    id: str
    type: str
    """Such as `order.completed`. More types may come."""
    created_at: datetime
    sequence: int
    """Counts the events of one order from 1; 0 where the event is not an order's."""
    data: Mapping[str, Any]
    """The JSON as it came; the types below have it readable."""


@dataclass(frozen=True)
class OrderEvent(Event):
    """`order.…`, `refill.…` and `cancel.rejected`."""

    order: OrderData
    refill: Optional[str]
    """The refill's id, of refill.…"""


@dataclass(frozen=True)
class BalanceEvent(Event):
    """`balance.low` with its threshold, `balance.credited` with its amount."""

    balance: Decimal
    currency: str
    threshold: Optional[Decimal]
    amount: Optional[Decimal]


@dataclass(frozen=True)
class ServiceChangedEvent(Event):
    """`service.changed`. It comes only when asked for."""

    change: Change


@dataclass(frozen=True)
class PingEvent(Event):
    """`ping`: somebody tests the webhook."""

    webhook: str


def verify_webhook(
    body: bytes,
    headers: Headers,
    secrets: Union[str, Iterable[str]],
    *,
    tolerance: float = 300,
    clock: Callable[[], float] = time.time,
) -> Event:
    """Returns the event of a delivery that the panel has signed; all others are refused.

    The signature of Standard Webhooks is checked where it is there, else `X-NotPanel-Signature`.

    :param body: the raw body, not JSON that was read and written again.
    :param headers: the request's headers as the framework has them.
    :param secrets: the webhook's secret, or several of which one has to fit.
    :param tolerance: seconds that the time of signing may be off, either way.
    :param clock: Unix seconds of now.
    :raises HeaderError: the signature's headers are missing or malformed.
    :raises SignatureError: no signature fits.
    :raises TimestampError: it fits, but its time is too far off.
    :raises PayloadError: it fits, but the body is no event as documented.
    :raises SecretError: a secret given is malformed.
    """
    if not isinstance(body, (bytes, bytearray, memoryview)):
        raise TypeError("body must be the raw bytes of the request")
    raw = bytes(body)
    keys = [_secret_bytes(one) for one in ([secrets] if isinstance(secrets, str) else secrets)]
    if not keys:
        raise SecretError("no secret was given")
    signed = _signed(_named(headers), raw)
    if not any([signed.fits(key) for key in keys]):
        raise SignatureError("no signature fits the body and the secret")
    _check_time(signed.seconds, tolerance, clock())
    return _event(raw)


@dataclass(frozen=True)
class _Signed:
    """A text and the signatures that came with it."""

    text: bytes
    signatures: Sequence[bytes]
    encode: Callable[[bytes], bytes]
    seconds: int

    def fits(self, key: bytes) -> bool:
        expected = self.encode(hmac.new(key, self.text, hashlib.sha256).digest())
        # All are compared, so that the time taken tells nothing.
        return any([hmac.compare_digest(expected, one) for one in self.signatures])


def _signed(headers: Mapping[str, str], body: bytes) -> _Signed:
    if "webhook-signature" in headers:
        return _standard(headers, body)
    if "x-notpanel-signature" in headers:
        return _own(headers["x-notpanel-signature"], body)
    raise HeaderError("webhook-signature and x-notpanel-signature are missing")


def _standard(headers: Mapping[str, str], body: bytes) -> _Signed:
    """Standard Webhooks: the text is the id, the time and the body with dots between."""
    for name in ("webhook-id", "webhook-timestamp"):
        if not headers.get(name):
            raise HeaderError(f"{name} is missing")
    stamp = headers["webhook-timestamp"]
    versions = [one.partition(",") for one in headers["webhook-signature"].split()]
    signatures = [_bytes(value) for version, _, value in versions if version == "v1"]
    text = b".".join([_bytes(headers["webhook-id"]), _bytes(stamp), body])
    return _Signed(text, _some(signatures, "webhook-signature"), base64.b64encode, _seconds(stamp))


def _own(header: str, body: bytes) -> _Signed:
    """X-NotPanel-Signature: the text is the time, a dot and the body."""
    parts = [one.strip().partition("=") for one in header.split(",")]
    stamps = [value for name, _, value in parts if name == "t"]
    if len(stamps) != 1:
        raise HeaderError("x-notpanel-signature must have one t=")
    signatures = [_bytes(value) for name, _, value in parts if name == "v1"]
    text = _bytes(stamps[0]) + b"." + body
    return _Signed(text, _some(signatures, "x-notpanel-signature"), binascii.hexlify, _seconds(stamps[0]))


def _some(signatures: List[bytes], name: str) -> List[bytes]:
    if not signatures:
        raise HeaderError(f"{name} has no signature v1")
    return signatures


def _seconds(stamp: str) -> int:
    if not _SECONDS.fullmatch(stamp):
        raise HeaderError("the time of signing is not in Unix seconds")
    return int(stamp)


def _check_time(seconds: int, tolerance: float, now: float) -> None:
    age = now - seconds
    if age > tolerance:
        raise TimestampError(f"signed {age:.0f} s ago, {tolerance:g} s are allowed")
    if age < -tolerance:
        raise TimestampError(f"signed {-age:.0f} s ahead of this machine's clock, {tolerance:g} s are allowed")


def _secret_bytes(secret: str) -> bytes:
    # No text here may repeat the secret.
    if not isinstance(secret, str) or not secret.startswith("whsec_"):
        raise SecretError("a secret must begin with whsec_")
    try:
        key = base64.b64decode(secret[len("whsec_") :], validate=True)
    except ValueError:
        raise SecretError("a secret must be whsec_ and base64") from None
    if len(key) != _SECRET_BYTES:
        raise SecretError(f"a secret must have {_SECRET_BYTES} bytes: is it complete?")
    return key


def _named(headers: Headers) -> Dict[str, str]:
    """The headers by their names in lower case; the first counts."""
    pairs: Iterable[Tuple[Any, Any]] = headers.items() if hasattr(headers, "items") else headers
    named: Dict[str, str] = {}
    for name, value in pairs:
        text = _value(value)
        if text is not None:
            named.setdefault(_name(_str(name)), text)
    return named


def _name(name: str) -> str:
    if name.startswith("HTTP_"):  # WSGI's environ
        name = name[len("HTTP_") :].replace("_", "-")
    return name.lower()


def _value(value: Any) -> Optional[str]:
    if isinstance(value, (list, tuple)) and value:
        value = value[0]
    return _str(value).strip() if isinstance(value, (str, bytes)) else None


def _str(text: Text) -> str:
    return text.decode("latin-1") if isinstance(text, bytes) else text


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _event(body: bytes) -> Event:
    try:
        value = _decode.parse(body)
        if not isinstance(value, dict) or not isinstance(value.get("data"), dict):
            raise _decode.Malformed("the body is not an event with data")
        return _typed(value)
    except ValueError as error:
        what = str(error) if isinstance(error, _decode.Malformed) else "the body is not JSON"
        raise PayloadError(what) from None


def _typed(value: Mapping[str, Any]) -> Event:
    base = _decode.decode(_Envelope, value, "the event")
    common: Dict[str, Any] = {"id": base.id, "type": base.type, "created_at": base.created_at, "sequence": base.sequence}
    data = value["data"]
    make = _MAKERS.get(base.type)
    return make(common, data) if make else Event(**common, data=data)


@dataclass(frozen=True)
class _Envelope:
    id: str
    type: str
    created_at: datetime
    sequence: int = 0


@dataclass(frozen=True)
class _RefillData:
    refill: Optional[str]


@dataclass(frozen=True)
class _BalanceData:
    balance: Decimal
    currency: str
    threshold: Optional[Decimal]
    amount: Optional[Decimal]


@dataclass(frozen=True)
class _PingData:
    webhook: str


def _order_event(common: Mapping[str, Any], data: Mapping[str, Any]) -> Event:
    order = _decode.decode(OrderData, data, "the event's data")
    return OrderEvent(**common, data=data, order=order, refill=_decode.decode(_RefillData, data).refill)


def _balance_event(common: Mapping[str, Any], data: Mapping[str, Any]) -> Event:
    read = _decode.decode(_BalanceData, data, "the event's data")
    return BalanceEvent(**common, data=data, **vars(read))


def _service_event(common: Mapping[str, Any], data: Mapping[str, Any]) -> Event:
    return ServiceChangedEvent(**common, data=data, change=_decode.decode(Change, data, "the event's data"))


def _ping_event(common: Mapping[str, Any], data: Mapping[str, Any]) -> Event:
    return PingEvent(**common, data=data, webhook=_decode.decode(_PingData, data, "the event's data").webhook)


_ORDER_TYPES = (
    "order.created",
    "order.in_progress",
    "order.completed",
    "order.partial",
    "order.canceled",
    "order.failed",
    "order.refunded",
    "refill.completed",
    "refill.rejected",
    "cancel.rejected",
)
_MAKERS: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], Event]] = {
    **dict.fromkeys(_ORDER_TYPES, _order_event),
    "balance.low": _balance_event,
    "balance.credited": _balance_event,
    "service.changed": _service_event,
    "ping": _ping_event,
}
