"""One request and what came of it, without the sending.

A *flow* is a generator: it yields attempts to send and is sent what came of them. The sync
and the async client differ only in how they send and wait.
"""

from __future__ import annotations

import enum
import time
from dataclasses import dataclass, field
from typing import Callable, Generator, Mapping, Optional, TypeVar, Union

import httpx

MOST_BYTES = 32 << 20
"""No answer is longer."""

T = TypeVar("T")


class Repeat(enum.Enum):
    """When a request is sent again."""

    ALWAYS = "after 429, a server's fault and trouble with the network"
    UNDONE = "after 429 and where no connection could be made: only there it was surely not done"


@dataclass(frozen=True)
class Call:
    """A request, without the key."""

    action: str
    fields: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    repeat: Repeat = Repeat.ALWAYS


@dataclass(frozen=True)
class Attempt:
    """A call to send after a pause in seconds."""

    call: Call
    pause: float


@dataclass(frozen=True)
class Answer:
    """What came back. Names of headers are in lower case.

    The body is not shown: a page may echo what was sent, with the key.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    too_long: bool = False


@dataclass(frozen=True)
class Trouble:
    """No answer came."""

    text: str
    timed_out: bool = False
    unsent: bool = False
    """Whether nothing of the request left this machine."""


Outcome = Union[Answer, Trouble]
Flow = Generator[Attempt, Outcome, T]


class _TooLong(Exception):
    pass


class _TooLate(Exception):
    pass


STOPPED = (httpx.HTTPError, _TooLong, _TooLate)
"""What ends the reading of an answer and is no bug."""

_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


class Intake:
    """Takes in an answer piece by piece, within its time and size."""

    def __init__(self, timeout: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._timeout, self._clock = timeout, clock
        self._deadline = clock() + timeout
        self._status = 0
        self._headers: Mapping[str, str] = {}
        self._body = bytearray()

    def begin(self, response: httpx.Response) -> None:
        self._status = response.status_code
        self._headers = {name.lower(): value for name, value in response.headers.items()}

    def take(self, piece: bytes) -> None:
        if len(self._body) + len(piece) > MOST_BYTES:
            raise _TooLong
        if self._clock() > self._deadline:
            raise _TooLate
        self._body += piece

    def whole(self) -> Answer:
        return Answer(self._status, self._headers, bytes(self._body))

    def stopped(self, error: Exception) -> Outcome:
        """What came of it when one of STOPPED ended it.

        The error is not kept: the frames of its traceback hold the body with the key.
        """
        if isinstance(error, _TooLong):
            return Answer(self._status, self._headers, b"", too_long=True)
        timed_out = isinstance(error, (_TooLate, httpx.TimeoutException))
        if timed_out:
            text = f"no answer in {self._timeout:g} s"
        else:
            text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return Trouble(text, timed_out, unsent=isinstance(error, _UNSENT))
