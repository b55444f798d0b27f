"""What the tests share. `call` is the sync or the async client: each test of it runs with both."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import ssl
from types import SimpleNamespace
from typing import Any, Callable, Iterator, List

import httpx
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
    with contextlib.ExitStack() as opened:
        opened.callback(loop.close)
        opened.callback(lambda: loop.run_until_complete(loop.shutdown_asyncgens()))

        def open_sync(*args: Any, **options: Any) -> Any:
            return Both(loop, opened.enter_context(Client(*args, **options)))

        def open_async(*args: Any, **options: Any) -> Any:
            made = AsyncClient(*args, **options)
            opened.callback(lambda: loop.run_until_complete(made.aclose()))
            return Both(loop, made)

        yield open_sync if request.param == "sync" else open_async


@pytest.fixture(autouse=True, scope="session")
def one_set_of_certificates() -> Iterator[None]:
    """Reading the certificates takes longer than most tests: all clients share them."""
    shared = ssl.create_default_context()
    with pytest.MonkeyPatch.context() as patch:
        for kind in (httpx.Client, httpx.AsyncClient):
            patch.setattr(kind.__init__, "__kwdefaults__", {**kind.__init__.__kwdefaults__, "verify": shared})
        yield


@pytest.fixture
def call(connect: Callable[..., Any], panel: FakePanel, pauses: List[float]) -> Any:
    """A client of the fake panel that does not pause."""
    return connect(KEY, panel.url, timeout=20)
