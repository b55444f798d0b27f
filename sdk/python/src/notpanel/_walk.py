"""Walks through a list of many pages, without the sending."""

from __future__ import annotations

from collections import deque
from typing import Any, AsyncIterator, Awaitable, Callable, Deque, Generic, Iterator, Optional, TypeVar

from ._actions import Rows
from ._exchange import Flow

T = TypeVar("T")
Fetch = Callable[[Optional[str]], Flow[Rows[T]]]


class _Walk(Generic[T]):
    def __init__(self, fetch: Fetch[T], cursor: Optional[str]) -> None:
        self._fetch, self._this, self._next = fetch, cursor, cursor
        self._rows: Deque[T] = deque()
        self._ended = False

    @property
    def cursor(self) -> Optional[str]:
        """Where a later walk goes on so that it misses nothing.

        In the middle of a page it is that page's own: its rows come again.
        """
        return self._this if self._rows else self._next

    def _take(self, rows: Rows[T]) -> None:
        found, following, self._ended = rows
        self._rows.extend(found)
        self._this, self._next = self._next, following


class Walk(_Walk[T], Iterator[T]):
    """The rows of all pages, each page asked for when it is needed."""

    def __init__(self, run: Callable[[Flow[Any]], Any], fetch: Fetch[T], cursor: Optional[str]) -> None:
        super().__init__(fetch, cursor)
        self._run = run

    def __iter__(self) -> Walk[T]:
        return self

    def __next__(self) -> T:
        while not self._rows:
            if self._ended:
                raise StopIteration
            self._take(self._run(self._fetch(self._next)))
        return self._rows.popleft()


class AsyncWalk(_Walk[T], AsyncIterator[T]):
    """The rows of all pages, each page asked for when it is needed."""

    def __init__(self, run: Callable[[Flow[Any]], Awaitable[Any]], fetch: Fetch[T], cursor: Optional[str]) -> None:
        super().__init__(fetch, cursor)
        self._run = run

    def __aiter__(self) -> AsyncWalk[T]:
        return self

    async def __anext__(self) -> T:
        while not self._rows:
            if self._ended:
                raise StopAsyncIteration
            self._take(await self._run(self._fetch(self._next)))
        return self._rows.popleft()
