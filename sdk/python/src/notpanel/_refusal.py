"""From an answer that is no good to the error that tells of it."""

from __future__ import annotations

import email.utils
import re
from datetime import datetime, timezone
from http import HTTPStatus
from typing import Optional, Type

from . import _decode
from ._exchange import MOST_BYTES, Answer, Trouble
from ._key import Key
from .errors import (
    AccountSuspendedError,
    AnswerError,
    APIConnectionError,
    APIError,
    APITimeoutError,
    InsufficientBalanceError,
    InvalidKeyError,
    InvalidRequestError,
    NotFoundError,
    NotPanelError,
    RateLimitError,
    ServerError,
)

_BY_TEXT: dict[str, Type[APIError]] = {
    "Invalid API key": InvalidKeyError,
    "Account suspended": AccountSuspendedError,
    "Insufficient balance": InsufficientBalanceError,
}
_NOT_FOUND = re.compile(r"\w+ not found", re.ASCII)
_SHOWN = 200  # characters of a text that is not the panel's


def of_trouble(trouble: Trouble) -> NotPanelError:
    if trouble.timed_out:
        return APITimeoutError(trouble.text)
    return APIConnectionError(trouble.text)


def of_answer(answer: Answer, key: Key) -> NotPanelError:
    """The error of an answer whose status is not the expected one."""
    if answer.too_long:
        return malformed(answer, f"it is above {MOST_BYTES >> 20} MiB", key)
    text = _error_text(answer)
    if text is None and answer.status < 500 and answer.status != 429:
        return malformed(answer, _instead(answer), key)
    return _refusal(answer, key.scrub(text or _instead(answer)))


def of_unread(answer: Answer, what: str, key: Key) -> NotPanelError:
    """The error of an answer whose status is good, but not its body.

    To a key of the classic dialect the panel tells of errors in this way.
    """
    text = _error_text(answer)
    if text is not None:
        return _refusal(answer, key.scrub(text))
    return malformed(answer, f"{what}; {_instead(answer)}", key)


def malformed(answer: Answer, what: str, key: Key) -> AnswerError:
    """The error of an answer that can't be the panel's."""
    message = key.scrub(f"not an answer of the panel's API: {what}")
    return AnswerError(message, status=answer.status, x_request_id=answer.headers.get("x-request-id"))


def _refusal(answer: Answer, message: str) -> APIError:
    kind = _kind(answer.status, message)
    refusal = kind(message, status=answer.status, x_request_id=answer.headers.get("x-request-id"))
    if isinstance(refusal, ServerError):
        refusal.retry_after = retry_after(answer)
    if isinstance(refusal, RateLimitError):
        refusal.retry_after = retry_after(answer)
        refusal.denied_by = answer.headers.get("x-ratelimit-deniedby")
        refusal.limit = _figure(answer, "limit")
        refusal.remaining = _figure(answer, "remaining")
        refusal.tier_remaining = _figure(answer, "tier-remaining")
        refusal.reset = _moment(_figure(answer, "reset"))
    return refusal


def _kind(status: int, message: str) -> Type[APIError]:
    if status == 429:
        return RateLimitError
    if status >= 500:
        return ServerError
    if _NOT_FOUND.fullmatch(message):
        return NotFoundError
    return _BY_TEXT.get(message, InvalidRequestError)


def _error_text(answer: Answer) -> Optional[str]:
    """The panel's own text, or None where the answer is somebody else's."""
    try:
        value = _decode.parse(answer.body)
    except ValueError:
        return _plain_text(answer)
    text = value.get("error") if isinstance(value, dict) else None
    return text if isinstance(text, str) else None


def _plain_text(answer: Answer) -> Optional[str]:
    """Some refusals of the panel are plain text: the poll of a caller who is not known."""
    text = answer.body.decode("utf-8", "replace").strip()
    kind = answer.headers.get("content-type", "")
    is_refusal = answer.status >= 400 and kind.startswith("text/plain")
    return text if is_refusal and text and len(text) <= _SHOWN else None


def _instead(answer: Answer) -> str:
    """What came in place of the panel's JSON, in some words."""
    if 300 <= answer.status < 400 and answer.status != 304:
        return "a redirect, which is not followed; is base_url right?"
    kind = answer.headers.get("content-type", "no type")
    start = " ".join(answer.body[: 4 * _SHOWN].decode("utf-8", "replace").split())[:_SHOWN]
    return f"{_phrase(answer.status)}, {kind}: {start!r}"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "unknown status"


def retry_after(answer: Answer) -> Optional[float]:
    """Seconds that the answer asks to wait, or None."""
    value = answer.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", value, re.ASCII):
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (TypeError, ValueError, IndexError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return max(0.0, (moment - datetime.now(timezone.utc)).total_seconds())


def _figure(answer: Answer, name: str) -> Optional[int]:
    value = answer.headers.get(f"x-ratelimit-{name}", "")
    return int(value) if re.fullmatch(r"\d{1,12}", value, re.ASCII) else None


def _moment(seconds: Optional[int]) -> Optional[datetime]:
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)
    except (OverflowError, ValueError, OSError):
        return None
