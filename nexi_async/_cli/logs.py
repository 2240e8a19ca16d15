"""`nexi-async logs`: the API calls that the emulator gets, as they come in."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterable, AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

import anyio
import httpx
import typer

from nexi_async._cli.api_command import API, api_command
from nexi_async._cli.exit_status import ExitStatus
from nexi_async._codec import Malformed, read_json
from nexi_async._transport.tls import new_context

logs = typer.Typer(no_args_is_help=True)

SILENCE = 60.0
"""Seconds without a line after which the connection counts as lost; the emulator sends a comment more often."""


@logs.command("tail")
@api_command
async def tail(
    api: API,
    *,
    method: Annotated[str, typer.Option("--method", help="Only calls of this method, e.g. POST.")] = "",
    path: Annotated[str, typer.Option(metavar="TEXT", help="Only calls whose path contains this.")] = "",
    status: Annotated[
        str,
        typer.Option(
            metavar="DIGIT",
            help="Only calls by the first digit of their status: 2, 4 or 5; 0 for those without a response.",
        ),
    ] = "",
    payment: Annotated[str, typer.Option(metavar="PAYMENT_ID", help="Only calls about this payment.")] = "",
) -> None:
    """Print the emulator's API calls as they come in, until Ctrl-C.

    With --json each call is a JSON document, with the bodies of request and response; keys and card numbers are masked.

    Exit status: 0 if it was stopped, 4 if there is no emulator, or it stopped.

    Example: `nexi-async logs tail --status 4`
    """
    query = {"method": method.upper(), "path": path, "status": status, "payment": payment}
    problem: str | None = None
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_cancel_at_signal, signals, tasks.cancel_scope)
            problem = await _print_calls(api, {name: value for name, value in query.items() if value})
            tasks.cancel_scope.cancel()
    if problem is not None:
        api.output.note(problem)
        raise typer.Exit(ExitStatus.NOT_SENT)


async def _cancel_at_signal(signals: AsyncIterable[signal.Signals], scope: anyio.CancelScope) -> None:
    async for _ in signals:
        scope.cancel()


async def _print_calls(api: API, query: dict[str, str]) -> str | None:
    """Print until the log or its reader ends; why it ended, if that is a problem."""
    client = httpx.AsyncClient(
        transport=api.client_options.get("transport"), verify=new_context(), trust_env=False, timeout=SILENCE
    )
    url = f"{api.settings.base_url}/emulator/log"
    try:
        async with client, client.stream("GET", url, params=query) as response:
            if response.status_code != 200:
                status = response.status_code
                return f"{api.settings.base_url} has no log of calls (it answers {status}): is it an emulator?"
            async for name, data in _events(response.aiter_lines()):
                _print(api, name, data)
                if api.output.is_closed:
                    return None
    except (httpx.HTTPError, Malformed) as error:
        return f"The log of {api.settings.base_url} ended: {str(error) or type(error).__name__}"
    return "The emulator has stopped."


async def _events(lines: AsyncIterator[str]) -> AsyncIterator[tuple[str, str]]:
    """Name and data of each server-sent event (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""
    name, data = "", list[str]()
    async for line in lines:
        field, _, value = line.partition(":")
        if not line:
            if data:
                yield name, "\n".join(data)
            name, data = "", []
        elif field == "data":
            data.append(value.removeprefix(" "))
        elif field == "event":
            name = value.strip()


def _print(api: API, name: str, data: str) -> None:
    if name == "missed":
        api.output.note(f"{data} calls came faster than they could be printed, and are left out")
    elif api.output.as_json:
        api.output.line(data)
    else:
        api.output.line(_line_of(read_json(data.encode())))


def _line_of(call: dict[str, Any]) -> str:
    at = datetime.fromtimestamp(call["at"], UTC)
    status = call["status"] or "---"
    facts = f"{at:%H:%M:%S}  {status}  {call['method']:<4} {call['path']}  {call['milliseconds']:.0f} ms"
    return f"{facts}  injected {call['fault']}" if call.get("fault") else facts
