"""Commands of a batch: the options that they have in common, the ledger, and what its failure leads to."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from functools import partial, wraps
from typing import Annotated, Any, Concatenate, ParamSpec

import anyio
import attrs
import typer

from nexi_async._cli.api_command import SETTINGS, extended, option
from nexi_async._cli.confirmation import interruptible
from nexi_async._cli.exit_status import ExitStatus
from nexi_async._cli.options import JSONOption, SecretKeyFileOption
from nexi_async._cli.output import Output
from nexi_async._cli.secrets import without_password
from nexi_async._cli.settings import Settings, resolve_settings
from nexi_async._cli.usage_errors import reporting_errors
from nexi_async._client import AsyncCheckout
from nexi_async._errors import StorageUnavailable
from nexi_async._idempotency import KEY_LIFETIME
from nexi_async.batch import Ledger, Outage

P = ParamSpec("P")

RunName = Annotated[str, typer.Option("--run", metavar="NAME", help="The run's name, e.g. 2026-10.")]
LedgerURL = Annotated[
    str,
    typer.Option(
        "--ledger",
        metavar="URL",
        envvar="NEXI_LEDGER",
        callback=without_password,
        help="sqlite:///file.db, or postgresql://user:password@host/name for several machines.",
    ),
]

_RUN = option("run", RunName, default=inspect.Parameter.empty)
_LEDGER = option("ledger", LedgerURL, default=inspect.Parameter.empty)


@attrs.frozen
class Batch:
    """What a command works with.

    Attributes:
        run: the run's name.
        url: the ledger's URL.
        output: where results are printed.
    """

    run: str
    url: str = attrs.field(repr=False)
    output: Output
    _settings: Mapping[str, Any]

    def ledger(self, key_lifetime: timedelta = KEY_LIFETIME) -> AbstractAsyncContextManager[Ledger]:
        """The ledger, whose calls wait while its database is unavailable; each outage is reported in a line."""
        outage = Outage(on_begin=lambda error: typer.echo(f"{error}; waiting for it.", err=True))
        return Ledger.open(self.url, key_lifetime=key_lifetime, outage=outage)

    def settings(self) -> Settings:
        """The settings of the client; a missing key is prompted for."""
        with interruptible():
            return resolve_settings(**self._settings)

    @asynccontextmanager
    async def client_and_ledger(
        self, *, concurrency: int, key_lifetime: float
    ) -> AsyncIterator[tuple[AsyncCheckout, Ledger]]:
        """Both for charging so many at once; the lifetime is in hours."""
        client = self.settings().client({"max_connections": concurrency})
        async with client as checkout, self.ledger(timedelta(hours=key_lifetime)) as ledger:
            yield checkout, ledger


Command = Callable[Concatenate[Batch, P], Awaitable[ExitStatus]]


def batch_command(*, calls_api: bool = False, prints_json: bool = True) -> Callable[[Command[P]], Callable[..., None]]:
    """A command from a coroutine function whose first argument is the `Batch`; adds the options that it needs."""
    settings = (option("secret_key_file", SecretKeyFileOption), *SETTINGS) if calls_api else ()
    json = (option("as_json", JSONOption, default=False),) if prints_json else ()

    def decorated(function: Command[P]) -> Callable[..., None]:
        @wraps(function)
        def command(run: str, ledger: str, *, as_json: bool = False, **arguments: Any) -> None:
            chosen = {parameter.name: arguments.pop(parameter.name) for parameter in settings}
            with _reporting_outages():
                status = anyio.run(partial(function, Batch(run, ledger, Output(as_json), chosen), **arguments))
            raise typer.Exit(status)

        return extended(command, function, _RUN, _LEDGER, *json, *settings)

    return decorated


@contextlib.contextmanager
def _reporting_outages() -> Iterator[None]:
    """Report what can't be used, with status 2; a database that stays unavailable has a status of its own."""
    with reporting_errors():
        try:
            yield
        except StorageUnavailable as error:
            typer.echo(f"{error}, for too long. Start the command again later to continue.", err=True)
            raise typer.Exit(ExitStatus.UNAVAILABLE) from None
