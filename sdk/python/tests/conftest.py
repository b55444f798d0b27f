"""What the tests share. `call` is the sync or the async client: each test of it runs with both."""

from __future__ import annotations

import asyncio
import inspect
from types import SimpleNamespace
from typing import Any, Callable, Iterator, List

import pytest
from fakepanel import KEY, FakePanel

from notpanel import AsyncClient, AsyncWalk, Client


@pytest.fixture
def panel() -> Iterator[FakePanel]:
    fake = FakePanel()
    yield fake
    fake.close()
    assert fake.all_said(), "a reply was not asked for"


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> List[float]:
    """The pauses that a client would have made; it makes none."""
    made: List[float] = []

    async def note(seconds: float) -> None:
        made.append(seconds)

    monkeypatch.setattr("notpanel._client.time", SimpleNamespace(sleep=made.append))
    monkeypatch.setattr("notpanel._async_client.asyncio", SimpleNamespace(sleep=note))
    return made


class Both:
    """Calls a client's methods and waits for what they give, whichever kind it is of."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target: Any) -> None:
        self._loop, self._target = loop, target

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if name == "webhooks":
            return Both(self._loop, found)
        return (lambda *args, **fields: self._wait(found(*args, **fields))) if callable(found) else found

    def _wait(self, given: Any) -> Any:
        if inspect.isawaitable(given):
            return self._loop.run_until_complete(given)
        return BothWalk(self._loop, given) if isinstance(given, AsyncWalk) else given


class BothWalk:
    """An async walk for a plain loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, walk: AsyncWalk[Any]) -> None:
        self._loop, self._walk = loop, walk

    @property
    def cursor(self) -> Any:
        return self._walk.cursor

    def __iter__(self) -> BothWalk:
        return self

    def __next__(self) -> Any:
        try:
            return self._loop.run_until_complete(self._walk.__anext__())
        except StopAsyncIteration:
            raise StopIteration from None


@pytest.fixture(params=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Makes clients, which are closed at the end."""
    loop = asyncio.new_event_loop()
    opened: List[Any] = []

    def open_client(*args: Any, **options: Any) -> Any:
        made = (Client if request.param == "sync" else AsyncClient)(*args, **options)
        opened.append(made)
        return Both(loop, made)

    yield open_client
    for client in opened:
        client.close() if isinstance(client, Client) else loop.run_until_complete(client.aclose())
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


@pytest.fixture
def call(connect: Callable[..., Any], panel: FakePanel, pauses: List[float]) -> Any:
    """A client of the fake panel that does not pause."""
    return connect(KEY, panel.url, timeout=20)
