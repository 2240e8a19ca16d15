"""Tests of nexi_async._transport.lifetime."""

from __future__ import annotations

import anyio
import pytest

from nexi_async._transport.httpx_adapter import HttpxAdapter
from nexi_async._transport.lifetime import Lifetime
from tests.scripted import ScriptedAPI


async def test_open() -> None:
    """Between opening and closing the transport can be used."""
    lifetime = Lifetime(HttpxAdapter(ScriptedAPI()))
    await lifetime.open()
    lifetime.require_open()
    assert not lifetime.is_closed
    await lifetime.close()
    assert lifetime.is_closed


async def test_before_opening() -> None:
    """A client that is not open says how to open it."""
    with pytest.raises(RuntimeError, match="is not open yet; use it inside of `async with AsyncCheckout"):
        Lifetime(HttpxAdapter(ScriptedAPI())).require_open()


async def test_after_closing() -> None:
    """A closed client says so, and its transport is closed."""
    api = ScriptedAPI()
    lifetime = Lifetime(HttpxAdapter(api))
    await lifetime.open()
    await lifetime.close()
    assert api.closed
    with pytest.raises(RuntimeError, match="is closed; use it inside"):
        lifetime.require_open()


@pytest.mark.parametrize("closed", [False, True])
async def test_opening_twice(closed: bool) -> None:
    """A client has one life."""
    lifetime = Lifetime(HttpxAdapter(ScriptedAPI()))
    await lifetime.open()
    if closed:
        await lifetime.close()
    with pytest.raises(RuntimeError, match="was opened before; make a new one"):
        await lifetime.open()
    await lifetime.close()


@pytest.mark.parametrize("other", ["asyncio", "trio"])
def test_another_event_loop(other: str) -> None:
    """A client of an event loop that ended, or of another kind, says so."""
    lifetime = Lifetime(HttpxAdapter(ScriptedAPI()))

    async def use() -> None:
        lifetime.require_open()

    anyio.run(lifetime.open, backend="asyncio")
    with pytest.raises(RuntimeError, match="belongs to another event loop; make one client for each loop"):
        anyio.run(use, backend=other)


class SlowToClose(ScriptedAPI):
    async def aclose(self) -> None:
        await anyio.sleep(0.01)
        self.closed = True


async def test_cancellation_does_not_keep_connections_open() -> None:
    """A client whose task is cancelled still closes its connections."""
    api = SlowToClose()
    lifetime = Lifetime(HttpxAdapter(api))
    await lifetime.open()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await lifetime.close()
    assert api.closed
