"""The emulator behind a real uvicorn, plain and with TLS."""

import socket
import ssl
from pathlib import Path

import anyio
import httpx
import pytest

from nexi_async.emulator import CheckoutEmulator, InjectedFault, _server
from nexi_async.emulator._server import _listen, serve
from tests.emulator.raw import order


@pytest.fixture
def anyio_backend() -> str:
    """Uvicorn runs on asyncio only."""
    return "asyncio"


async def test_tls_with_its_own_authority(tmp_path: Path) -> None:
    """Https works for a client that trusts the written authority, and the page's url is https too."""
    emulator = CheckoutEmulator()
    async with anyio.create_task_group() as tasks:
        listening = await tasks.start(
            lambda task_status: serve(emulator, port=0, tls=True, ca_file=tmp_path / "ca.pem", task_status=task_status)
        )
        assert listening.ca_file == tmp_path / "ca.pem"
        assert listening.url.startswith("https://127.0.0.1:")
        trusted = ssl.create_default_context(cafile=listening.ca_file)
        async with httpx.AsyncClient(verify=trusted, headers={"Authorization": emulator.secret_key}) as client:
            response = await client.get(f"{listening.url}/v1/payments/{'0' * 32}")
        assert response.status_code == 404
        tasks.cancel_scope.cancel()
    assert not emulator.is_running


@pytest.mark.parametrize("host", ["localhost", "::1"])
async def test_loopback_hosts(host: str) -> None:
    """Every loopback host works, with an authority in a temporary file that is gone afterwards."""
    async with anyio.create_task_group() as tasks:
        listening = await tasks.start(
            lambda task_status: serve(CheckoutEmulator(), host=host, port=0, tls=True, task_status=task_status)
        )
        assert listening.ca_file is not None
        trusted = ssl.create_default_context(cafile=listening.ca_file)
        async with httpx.AsyncClient(verify=trusted) as client:
            assert (await client.get(f"{listening.url}/emulator/settings")).status_code == 200
        tasks.cancel_scope.cancel()
    assert not listening.ca_file.exists()


async def test_stops_listening_when_cancelled() -> None:
    """After cancellation the port is free."""
    emulator = CheckoutEmulator()
    async with anyio.create_task_group() as tasks:
        listening = await tasks.start(lambda task_status: serve(emulator, port=0, task_status=task_status))
        tasks.cancel_scope.cancel()
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(listening.url)


def test_small_answers_are_sent_at_once() -> None:
    """The listener names its protocol, else asyncio leaves accepted sockets to wait 40 ms with small packets."""
    with _listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


async def test_taken_port_is_an_error() -> None:
    """A port in use is an OSError."""
    async with anyio.create_task_group() as tasks:
        listening = await tasks.start(lambda task_status: serve(CheckoutEmulator(), port=0, task_status=task_status))
        with pytest.raises(OSError, match="in use"):
            await serve(CheckoutEmulator(), port=int(listening.url.rpartition(":")[2]))
        tasks.cancel_scope.cancel()


async def test_lost_answer_breaks_the_connection_after_the_effect() -> None:
    """The client sees a broken connection without a byte; the charge happened, and its key shows it."""
    emulator = CheckoutEmulator()
    (subscription,) = emulator.sign_up(1)
    emulator.set_faults([InjectedFault(fault="lose_response", path="*/charges", times=1)])
    async with anyio.create_task_group() as tasks:
        listening = await tasks.start(lambda task_status: serve(emulator, port=0, task_status=task_status))
        url = f"{listening.url}/v1/subscriptions/{subscription}/charges"
        headers = {"Authorization": emulator.secret_key, "Idempotency-Key": "k"}
        async with httpx.AsyncClient(headers=headers) as client:
            with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
                await client.post(url, json={"order": order()})
            again = await client.post(url, json={"order": order()})
            status = await client.get(f"{url}/status")
        tasks.cancel_scope.cancel()
    assert status.json() == {**again.json(), "completed": True}
    assert len(emulator.state()["payments"]) == 1


async def test_cut_answer_stops_inside_the_body() -> None:
    """The client gets the status and then a body that breaks off."""
    emulator = CheckoutEmulator()
    (subscription,) = emulator.sign_up(1)
    emulator.set_faults([InjectedFault(fault="cut", after_bytes=5)])
    async with anyio.create_task_group() as tasks:
        listening = await tasks.start(lambda task_status: serve(emulator, port=0, task_status=task_status))
        async with httpx.AsyncClient(headers={"Authorization": emulator.secret_key}) as client:
            with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
                await client.get(f"{listening.url}/v1/subscriptions/{subscription}")
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "shop.test", "::"])
async def test_other_hosts_must_be_asked_for_twice(host: str) -> None:
    """Anything but a loopback address is refused without `beyond_loopback`."""
    with pytest.raises(ValueError, match="beyond_loopback"):
        await serve(CheckoutEmulator(), host=host, port=0)


async def test_a_live_log_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server ends the response of a page that follows the log, and does not wait for it as for other responses."""
    monkeypatch.setattr(_server, "_GRACE", 60)
    emulator = CheckoutEmulator()
    ended = anyio.Event()

    async def follow(url: str, started: anyio.Event) -> None:
        async with (
            httpx.AsyncClient(trust_env=False) as client,
            client.stream("GET", f"{url}/emulator/portal/log/live") as response,
        ):
            assert response.headers["content-type"].startswith("text/event-stream")
            async for _ in response.aiter_bytes():
                started.set()
        ended.set()

    async with anyio.create_task_group() as readers:
        async with anyio.create_task_group() as tasks:
            listening = await tasks.start(lambda task_status: serve(emulator, port=0, task_status=task_status))
            started = anyio.Event()
            readers.start_soon(follow, listening.url, started)
            await started.wait()
            tasks.cancel_scope.cancel()
            began = anyio.current_time()
        assert anyio.current_time() - began < 30
        with anyio.fail_after(5):
            await ended.wait()
