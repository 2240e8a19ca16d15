"""`nexi-async emulator`."""

from __future__ import annotations

import functools
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import anyio
import typer

from nexi_async._cli.exit_status import ExitStatus
from nexi_async._cli.options import JSONOption
from nexi_async._cli.output import Output
from nexi_async.emulator import CheckoutEmulator
from nexi_async.emulator._server import Listening, serve


def emulator(
    *,
    host: Annotated[
        str, typer.Option(help="The address to listen on; a loopback address, unless --beyond-loopback is given.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 for any free one.")] = 8400,
    tls: Annotated[bool, typer.Option("--tls", help="Serve https, with a certificate made for this run.")] = False,
    seed: Annotated[int | None, typer.Option(help="Make ids and probabilities the same in every run.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Accept only what the official reference allows.")] = False,
    beyond_loopback: Annotated[
        bool,
        typer.Option("--beyond-loopback", help="Allow a --host that other machines can reach."),
    ] = False,
    public_url: Annotated[
        str | None,
        typer.Option(help="The address of its pages for shoppers, if it differs from the one it listens on."),
    ] = None,
    persist: Annotated[
        Path | None,
        typer.Option(help="Keep the state in this file over restarts; each change is saved before it is answered."),
    ] = None,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A further host name that requests may name; may be repeated.")
    ] = None,
    as_json: JSONOption = False,
) -> None:
    """Serve the emulator: the API, the hosted page, webhooks, and controls under /emulator.

    Point the SDK at it with NEXI_BASE_URL and NEXI_SECRET_KEY. It stops on Ctrl-C.

    Example: `nexi-async emulator --port 8400`
    """
    try:
        app = CheckoutEmulator(seed=seed, strict=strict, public_url=public_url, hosts=allow_host or (), persist=persist)
    except ValueError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(ExitStatus.USAGE) from None
    serving = functools.partial(serve, app, host=host, port=port, tls=tls, beyond_loopback=beyond_loopback)
    problem = anyio.run(_serve_until_stopped, app, serving, Output(as_json))
    if problem is not None:
        typer.echo(f"The emulator can't listen at {host}, port {port}: {problem}", err=True)
        raise typer.Exit(ExitStatus.USAGE)


async def _serve_until_stopped(
    app: CheckoutEmulator, serving: Callable[..., Coroutine[Any, Any, None]], output: Output
) -> str | None:
    """Serve until Ctrl-C or a request to end; returns why it could not, if so."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with anyio.create_task_group() as group:
            try:
                listening: Listening = await group.start(serving)
            except ValueError:
                return "it is not a loopback address; add --beyond-loopback if other machines shall reach it"
            except OSError as error:
                return error.strerror or str(error)
            _announce(app, listening, output)
            async for _ in signals:
                group.cancel_scope.cancel()
    return None


def _announce(app: CheckoutEmulator, listening: Listening, output: Output) -> None:
    facts = [
        ("Emulator at", "url", listening.url),
        ("Secret key", "secretKey", app.secret_key),
        ("Checkout key", "checkoutKey", app.checkout_key),
    ]
    if listening.ca_file is not None:
        facts.append(("Trust", "caFile", str(listening.ca_file)))
    if output.as_json:
        output.json({member: value for _, member, value in facts})
        return
    for name, _, value in facts:
        output.line(f"{name:<12}  {value}")
    output.line("Ctrl-C stops it.")
