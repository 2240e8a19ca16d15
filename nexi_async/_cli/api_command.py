"""Commands that call the API: the options that all of them have, a client for each, and what its failure leads to."""

from __future__ import annotations

import contextlib
import inspect
import shlex
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, cast

import anyio
import attrs
import typer

from nexi_async._cli.exit_status import ExitStatus, status_of
from nexi_async._cli.options import BaseURLOption, EnvironmentOption, JSONOption, ProfileOption
from nexi_async._cli.output import Output, document_of, facts_table
from nexi_async._cli.settings import Settings, resolve_settings
from nexi_async._client import AsyncCheckout
from nexi_async._errors import APIError, NexiError, Outcome, Unauthorized
from nexi_async._idempotency import check_key, new_key

P = ParamSpec("P")


@attrs.define
class API:
    """What a command works with.

    Attributes:
        checkout: the client.
        settings: where the client goes.
        output: where results are printed.
        invocation: the words of the command line that was given.
        client_options: further options of the client, for tests.
        settling: how to find out an unknown outcome; None until money may move.
    """

    checkout: AsyncCheckout
    settings: Settings
    output: Output
    invocation: tuple[str, ...] = ()
    client_options: Mapping[str, Any] = attrs.field(factory=dict)
    settling: str | None = None

    def command_line(self, *arguments: str) -> str:
        """A command to show to the user, with the same settings."""
        return shlex.join(["nexi-async", *arguments, *self.settings.repeated_options])

    def same_with_key(self, key: str) -> str:
        """The command that was given, to be run again with the same key."""
        return shlex.join([*self.invocation, "--idempotency-key", key])

    def begin(self, settling: str, *, idempotency_key: str | None = None) -> None:
        """Announce that money may move from here on.

        Args:
            settling: how to find out an unknown outcome, shown if there is one.
            idempotency_key: shown now, so that it is known whatever happens to this program.
        """
        if idempotency_key is not None:
            self.output.note(f"Idempotency key: {idempotency_key}")
        self.settling = settling

    def show(self, model: object, *facts: tuple[str, object]) -> None:
        """Print what the API responded: as JSON without personal data, or the facts of it for people."""
        self.output.show(document_of(model, personal_data=False), facts_table(facts))


def key_of(given: str | None) -> str:
    """The idempotency key that an option gives, or a new one.

    Raises:
        InvalidRequest: the API takes no such key.
    """
    return new_key() if given is None else check_key(given)


Command = Callable[Concatenate[API, P], Awaitable[None]]


def api_command(function: Command[P]) -> Callable[..., None]:
    """A command from a coroutine function whose first argument is the `API`; adds the options that all have."""

    @wraps(function)
    def command(context: typer.Context, **arguments: Any) -> None:
        output = Output(arguments.pop("as_json"))
        chosen = {parameter.name: arguments.pop(parameter.name) for parameter in SETTINGS}
        with reporting_failures(output):
            settings = resolve_settings(**chosen)
            checkout = settings.client(context.obj or {})
        api = API(checkout, settings, output, _invocation(context), context.obj or {})
        with reporting_failures(output, api):
            anyio.run(_run, api, partial(function, api, **arguments))

    return extended(command, function, _CONTEXT, option("as_json", JSONOption, default=False), *SETTINGS)


async def _run(api: API, call: Callable[[], Awaitable[None]]) -> None:
    async with api.checkout:
        await call()


def _invocation(context: typer.Context) -> tuple[str, ...]:
    """The command line that was given, without what a second run is given anew."""
    words = ["nexi-async", *context.command_path.split()[1:]]
    for parameter in context.command.params:
        name, source = parameter.name or "", context.get_parameter_source(parameter.name or "")
        if source is not None and source.name == "COMMANDLINE" and name not in ("idempotency_key", "yes"):
            words += _words(parameter.opts[0] if parameter.param_type_name == "option" else None, context.params[name])
    return tuple(words)


def _words(option: str | None, value: Any) -> list[str]:
    if value is True and option is not None:
        return [option]
    values = [str(each) for each in (value if isinstance(value, list | tuple) else [value])]
    return values if option is None else [word for each in values for word in (option, each)]


def extended(
    command: Callable[..., None], function: Callable[..., object], *parameters: inspect.Parameter
) -> Callable[..., None]:
    """The command with the parameters of the function, but for the first, and these: Typer reads its signature."""
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    seen_by_typer = cast("Any", command)
    seen_by_typer.__signature__ = inspect.Signature([*own, *parameters])
    seen_by_typer.__annotations__ = {each.name: each.annotation for each in (*own, *parameters)}
    return command


def option(name: str, annotation: Any, default: object = None) -> inspect.Parameter:
    """An option as a parameter, which Typer makes one by its annotation."""
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


_CONTEXT = option("context", typer.Context)
SETTINGS = (
    option("profile", ProfileOption),
    option("environment", EnvironmentOption),
    option("base_url", BaseURLOption),
)


# --- failures ------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def reporting_failures(output: Output, api: API | None = None) -> Iterator[None]:
    """Report what failed on standard error, as a JSON document on standard output too, and leave with its status."""
    try:
        yield
    except NexiError as error:
        _leave(output, api, error)
    except (KeyboardInterrupt, typer.Abort):
        if api is not None and api.settling is not None:
            _leave(output, api, NexiError("interrupted", outcome=Outcome.UNKNOWN))
        output.note("Interrupted; nothing was sent.")
        raise typer.Exit(ExitStatus.NOT_SENT) from None
    except Exception as error:
        if api is None or api.settling is None or isinstance(error, typer.Exit):
            raise
        _leave(output, api, NexiError(f"{type(error).__name__}: {error}", outcome=Outcome.UNKNOWN))


def _leave(output: Output, api: API | None, error: NexiError) -> None:
    settling = None if api is None else api.settling
    status = status_of(error, moves_money=settling is not None)
    for line in getattr(error, "faults", ()) or [error]:
        output.note(str(line))
    if api is not None and isinstance(error, Unauthorized):
        output.note(f"Is it the secret key of the {api.settings.environment} environment ({api.settings.host})?")
    if settling is not None and status is ExitStatus.UNKNOWN:
        output.note(settling)
    if output.as_json:
        output.json({"error": _document(error)})
    raise typer.Exit(status) from None


def _document(error: NexiError) -> dict[str, Any]:
    members: dict[str, Any] = {
        "outcome": error.outcome.value,
        "message": str(error),
        "idempotencyKey": error.idempotency_key,
        "faults": [fault._asdict() for fault in getattr(error, "faults", ())] or None,
    }
    if isinstance(error, APIError):
        members |= {"status": error.status, "code": error.code, "source": error.source, "requestId": error.request_id}
    return {name: value for name, value in members.items() if value is not None}
