"""From JSON to the types of models: a field of a type is the field of that name."""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import date, datetime, timezone
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Callable, Dict, Mapping, Optional, Type, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

_TIME = re.compile(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|z|[+-]\d\d:\d\d)", re.ASCII)
_COUNT = re.compile(r"[+-]?\d{1,40}", re.ASCII)


class Malformed(ValueError):
    """The JSON has another form than documented; the text says where."""


def parse(text: Union[str, bytes]) -> Any:
    """Reads JSON. No number becomes a float."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deep") from None


def decode(kind: Type[T], value: Any, where: str = "the answer") -> T:
    """Makes a frozen dataclass of a JSON object. Raises Malformed."""
    return kind(**_fields_of(kind, value, where))


def _fields_of(kind: Any, value: Any, where: str) -> Dict[str, Any]:
    if not isinstance(value, Mapping):
        raise Malformed(f"{where} is not an object")
    fields = {}
    for name, (hint, required) in _hints(kind).items():
        if value.get(name) is not None:
            fields[name] = _convert(hint, value[name], f"{where}'s {name}")
        elif _is_optional(hint):
            fields[name] = None
        elif required:
            raise Malformed(f"{where} lacks {name}")
    return fields


def decode_rows(kind: Type[T], value: Any, where: str = "the answer") -> tuple[T, ...]:
    """Makes frozen dataclasses of a JSON array. Raises Malformed."""
    if not isinstance(value, list):
        raise Malformed(f"{where} is not an array")
    return tuple(_convert(kind, row, f"{where}'s row {n}") for n, row in enumerate(value))


@lru_cache(maxsize=None)
def _hints(kind: Any) -> Dict[str, tuple[Any, bool]]:
    hints = get_type_hints(kind)
    return {f.name: (hints[f.name], f.default is dataclasses.MISSING) for f in dataclasses.fields(kind)}


def _is_optional(hint: Any) -> bool:
    return get_origin(hint) is Union and type(None) in get_args(hint)


def _convert(hint: Any, value: Any, where: str) -> Any:
    if _is_optional(hint):
        return _convert(get_args(hint)[0], value, where)
    if get_origin(hint) is tuple:
        return _tuple_of(get_args(hint)[0], value, where)
    if dataclasses.is_dataclass(hint):
        return decode(hint, value, where)
    return _CONVERTERS[hint](value, where)


def _tuple_of(hint: Any, value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise Malformed(f"{where} is not an array")
    return tuple(_convert(hint, one, f"{where}[{n}]") for n, one in enumerate(value))


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise Malformed(f"{where} is not a text")
    return value


def _flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise Malformed(f"{where} is neither true nor false")
    return value


def _count(value: Any, where: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _COUNT.fullmatch(value):
        return int(value)
    raise Malformed(f"{where} is not a whole number")


def _amount(value: Any, where: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise Malformed(f"{where} is not an amount")
    try:
        amount = Decimal(value)
    except InvalidOperation:
        raise Malformed(f"{where} is not an amount") from None
    if not amount.is_finite():
        raise Malformed(f"{where} is not an amount")
    return amount


def _time(value: Any, where: str) -> datetime:
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Malformed(f"{where} is not a time")
    seconds, fraction, zone = match.groups()
    # Python 3.9 reads neither Z nor other than three or six digits.
    text = f"{seconds}.{((fraction or '') + '000000')[:6]}{'+00:00' if zone in 'Zz' else zone}"
    try:
        return datetime.fromisoformat(text).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise Malformed(f"{where} is not a time") from None


def _day(value: Any, where: str) -> date:
    try:
        return date.fromisoformat(_text(value, where))
    except ValueError:
        raise Malformed(f"{where} is not a day") from None


_CONVERTERS: Mapping[Any, Callable[[Any, str], Any]] = {
    str: _text,
    bool: _flag,
    int: _count,
    Decimal: _amount,
    datetime: _time,
    date: _day,
}


def _no_constant(name: str) -> Optional[object]:
    raise ValueError(f"{name} is not JSON")
