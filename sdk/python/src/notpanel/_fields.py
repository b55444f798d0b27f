"""From Python values to the fields of a form."""

from __future__ import annotations

import secrets
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any, Dict, Iterable, List, Mapping, Union

from .errors import InvalidArgumentError

Amount = Union[Decimal, str, int]
"""An amount of money. Never a float: 0.1 is none of them."""
OrderId = Union[str, int]
"""An order's or a refill's id, or its number."""
Lines = Union[str, Iterable[str]]
"""A list: its entries, or a text with one a line."""

_LISTS = ("comments", "usernames", "hashtags", "groups", "keywords")


def form(**values: object) -> Dict[str, str]:
    """The fields that have a value, as texts."""
    return {name: _text(name, value) for name, value in values.items() if value is not None}


def new_request_id() -> str:
    """128 random bits."""
    return secrets.token_hex(16)


def ids(values: Iterable[OrderId]) -> List[str]:
    """Ids as they are sent, each once, in their order."""
    if isinstance(values, (str, int)):
        raise InvalidArgumentError("ids must be a list; of one order ask with the action for one")
    texts = dict.fromkeys(_text("an id", value).strip() for value in values)
    for one in texts:
        if not one or "," in one:
            raise InvalidArgumentError("an id must not be empty or hold a comma")
    return list(texts)


def lines(name: str, value: Union[Lines, None]) -> Union[str, None]:
    """A list with an entry a line."""
    if value is None or isinstance(value, str):
        return value
    entries = [_text(name, entry) for entry in value]
    if any("\n" in entry or "\r" in entry for entry in entries):
        raise InvalidArgumentError(f"an entry of {name} must not hold a line break")
    return "\n".join(entries)


def words(value: Union[str, Iterable[str], None]) -> Union[str, None]:
    """Words with commas between."""
    return value if value is None or isinstance(value, str) else ",".join(value)


def order_fields(given: Mapping[str, Any], request_id: str) -> Dict[str, str]:
    """The fields of an order, from the arguments of a client's add."""
    fields = {name: value for name, value in given.items() if name not in ("self", "request_id", "extra")}
    for name in _LISTS:
        fields[name] = lines(name, fields[name])
    own = form(request_id=request_id, **fields)
    more = form(**(given["extra"] or {}))
    taken = sorted({"key", "action", *own}.intersection(more))
    if taken:
        raise InvalidArgumentError(f"extra must not hold {', '.join(taken)}")
    return {**own, **more}


def _text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return _decimal(name, value)
    if isinstance(value, datetime):
        return _moment(name, value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return _encodable(name, value)
    # The value is not shown: a key may have slipped in.
    raise InvalidArgumentError(f"{name} can't be a {type(value).__name__}")


def _decimal(name: str, value: Decimal) -> str:
    if not value.is_finite():
        raise InvalidArgumentError(f"{name} must be finite")
    return format(value, "f")


def _moment(name: str, value: datetime) -> str:
    if value.tzinfo is None:
        raise InvalidArgumentError(f"{name} must have a time zone")
    return value.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def _encodable(name: str, value: str) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidArgumentError(f"{name} holds half a surrogate pair and can't be sent") from None
    return value
