"""Sends a call as often as is right, and reads its answer. It does no input or output."""

from __future__ import annotations

import ipaddress
import platform
import random
import re
from typing import Callable, Optional, TypeVar
from urllib.parse import urlencode, urlsplit

import httpx

from . import _decode, _refusal
from ._exchange import Answer, Attempt, Call, Flow, Outcome, Repeat, Trouble
from ._key import Key
from ._version import __version__
from .errors import AnswerError, InvalidArgumentError, NotPanelError

T = TypeVar("T")

_AGAIN = frozenset({429, 500, 502, 503, 504})
_FIRST_PAUSE, _LONGEST_BACK_OFF = 0.5, 8.0


class Engine:
    """A key at a panel, and how patient to be with it."""

    def __init__(
        self,
        key: str,
        base_url: str,
        *,
        timeout: float,
        max_retries: int,
        max_wait: float,
        user_agent: Optional[str],
    ) -> None:
        self.key = Key(key)
        self.url, self.is_local = _address(base_url)
        if not timeout > 0:
            raise InvalidArgumentError("timeout must be above 0 seconds")
        if max_retries < 0 or not max_wait >= 0:
            raise InvalidArgumentError("max_retries and max_wait must not be negative")
        self.timeout, self.max_retries, self.max_wait = timeout, max_retries, max_wait
        self.user_agent = _user_agent(user_agent)

    def __repr__(self) -> str:
        return f"{self.url!r}, key={self.key!r}"

    def request(self, build: Callable[..., httpx.Request], call: Call) -> httpx.Request:
        """The request to send. The body with the key stays out of the callers' frames."""
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": self.user_agent,
            **call.headers,
        }
        fields = {"key": self.key.reveal(), "action": call.action, **call.fields}
        return build("POST", self.url, content=urlencode(fields).encode("ascii"), headers=headers, timeout=self.timeout)

    def ask(self, call: Call, read: Callable[[object], T]) -> Flow[T]:
        """The answer to a call, read from its JSON."""
        answer = yield from self.exchange(call)
        return self.read(answer, read)

    def exchange(self, call: Call) -> Flow[Answer]:
        """The good answer to a call. Raises the last error when there is none."""
        pause, tried, unknown = 0.0, 0, False
        while True:
            outcome = yield Attempt(call, pause)
            if isinstance(outcome, Answer) and _is_good(outcome, call):
                return outcome
            unknown = unknown or _may_be_done(outcome)
            again = self._pause_before_next(call, outcome, tried)
            if again is None:
                error = self._error(outcome)
                error.outcome_unknown = unknown
                raise error
            pause, tried = again, tried + 1

    def read(self, answer: Answer, read: Callable[[object], T]) -> T:
        """Reads a good answer's JSON. Raises AnswerError where it has another form."""
        try:
            return read(_decode.parse(answer.body))
        except _decode.Malformed as malformed:
            what = str(malformed)
        except ValueError:
            what = "no JSON"
        error = _refusal.of_unread(answer, what, self.key)
        error.outcome_unknown = isinstance(error, AnswerError)
        raise error

    def _error(self, outcome: Outcome) -> NotPanelError:
        if isinstance(outcome, Trouble):
            return _refusal.of_trouble(outcome)
        return _refusal.of_answer(outcome, self.key)

    def _pause_before_next(self, call: Call, outcome: Outcome, tried: int) -> Optional[float]:
        """Seconds until the next attempt, or None for no more."""
        if tried >= self.max_retries or not _may_repeat(call, outcome):
            return None
        longest = min(_LONGEST_BACK_OFF, _FIRST_PAUSE * 2.0**tried)
        back_off = longest * random.uniform(0.5, 1)
        asked = _refusal.retry_after(outcome) if isinstance(outcome, Answer) else None
        if asked is None:
            return min(back_off, self.max_wait)
        # To come earlier than asked would only be refused again.
        return None if asked > self.max_wait else asked + random.uniform(0, 0.25)


def _is_good(answer: Answer, call: Call) -> bool:
    if answer.too_long:
        return False
    return answer.status == 200 or (answer.status == 304 and "If-None-Match" in call.headers)


def _may_repeat(call: Call, outcome: Outcome) -> bool:
    if isinstance(outcome, Trouble):
        return outcome.unsent or call.repeat is Repeat.ALWAYS
    if call.repeat is Repeat.UNDONE:
        return outcome.status == 429
    return outcome.status in _AGAIN


def _may_be_done(outcome: Outcome) -> bool:
    if isinstance(outcome, Trouble):
        return not outcome.unsent
    return outcome.too_long or outcome.status >= 500


def _address(base_url: str) -> tuple[str, bool]:
    """The API's address, and whether it is on this machine."""
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise InvalidArgumentError("base_url is no URL") from None
    if parts.scheme not in ("http", "https") or not host:
        raise InvalidArgumentError("base_url must be the panel's https URL, such as https://panel.example")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise InvalidArgumentError("base_url must have no user, query or fragment")
    if parts.scheme == "http" and not _is_loopback(host):
        raise InvalidArgumentError("base_url must be https: over http everybody on the way could read the key")
    url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}/api/v2"
    try:
        httpx.URL(url)
    except httpx.InvalidURL:
        raise InvalidArgumentError("base_url is no URL") from None
    return url, _is_loopback(host)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _user_agent(own: Optional[str]) -> str:
    ours = f"notpanel-python/{__version__} python/{platform.python_version()} httpx/{httpx.__version__}"
    if own is None:
        return ours
    if not re.fullmatch(r"[ -~]{1,200}", own):
        raise InvalidArgumentError("user_agent must have 1 to 200 printable ASCII characters")
    return f"{own} {ours}"
