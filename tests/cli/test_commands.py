"""Every command: its help, and that what it prints can be read by other programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
from typer.testing import CliRunner

from nexi_async._cli import app as module
from nexi_async._cli.app import app, load
from nexi_async.webhooks import SQLInbox, deliveries, parse_event
from tests.cli.conftest import CommandLine


def leaves(commands: Mapping[str, Any], *path: str) -> Iterator[tuple[str, Any]]:
    """The commands that are no groups, with their words."""
    for name, command in commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command.commands, *path, name)
        else:
            yield " ".join((*path, name)), command


TOP = {name: load(name) for name in module.COMMANDS}
COMMANDS = dict(leaves(TOP))
FOR_PEOPLE = {"demo", "batch report"}
"""A show for people, and one that writes files and prints nothing; `batch report --csv` is for programs."""
ELSEWHERE = {"emulator", "webhooks listen", "logs tail", "batch run", "batch worker", "batch resolve"}
"""They run until they are stopped, or need an emulator with an address, and are tested with one."""

URLS = ["--return-url", "https://shop.test/thanks", "--terms-url", "https://shop.test/terms"]
SECRET = "Kq7ZtB9fRw4LmXc2"


def subscription(line: CommandLine) -> str:
    """A subscription that was charged with the key "k"; its id."""
    (found,) = line.emulator.sign_up(1)
    assert line.run("subscriptions", "charge", found, "99 SEK", "--idempotency-key", "k").exit_code == 0
    return found


def payout(line: CommandLine) -> str:
    """A payout; its id."""
    line.charged()
    line.emulator.advance(10 * 86_400)
    return str(line.emulator.state()["payouts"][0]["id"])


def inbox(line: CommandLine) -> str:
    """An inbox with one event; its URL."""
    url = f"sqlite:///{line.environment['NEXI_CONFIG']}.db"

    async def fill() -> None:
        async with SQLInbox(url) as inbox:
            await inbox.put(parse_event(deliveries.sample("payment.created")))

    anyio.run(fill)
    return url


def ledger(line: CommandLine) -> list[str]:
    """Run and ledger of a plan of one job."""
    options = ["--run", "r", "--ledger", f"sqlite:///{line.environment['NEXI_CONFIG']}.ledger"]
    assert line.run("batch", "plan", jobs(line), *options).exit_code == 0
    return options


def jobs(line: CommandLine) -> str:
    """A file of one job."""
    file = Path(f"{line.environment['NEXI_CONFIG']}.csv")
    header = "reference,subscription_id,currency,amount,name,tax_rate"
    file.write_text(f"{header}\njob-1,{'1' * 32},SEK,9900,Box,2500\n")
    return str(file)


def triggered(line: CommandLine) -> list[str]:
    """An event that no server receives, which is reported too."""
    line.environment["NEXI_WEBHOOK_AUTHORIZATION"] = SECRET
    return ["payment.created"]


ARGUMENTS: dict[str, Callable[[CommandLine], list[str]]] = {
    "payments create": lambda _: ["125 SEK", *URLS],
    "payments get": lambda line: [line.charged()],
    "payments charge": lambda line: [line.reserved(), "125 SEK"],
    "payments refund": lambda line: [line.charged(), "125 SEK"],
    "payments cancel": lambda line: [line.reserved(), "125 SEK"],
    "payments terminate": lambda line: [line.create()],
    "subscriptions get": lambda line: [subscription(line)],
    "subscriptions charge": lambda line: [subscription(line), "99 SEK"],
    "subscriptions status": lambda line: [subscription(line), "k"],
    "reports balances": lambda _: [],
    "reports payouts": lambda _: [],
    "reports payout": lambda line: [payout(line)],
    "methods list": lambda _: [],
    "webhooks trigger": triggered,
    "webhooks send": lambda _: ["payment.created", "--to", "http://127.0.0.1:1"],
    "batch plan": lambda line: [jobs(line), "--run", "r", "--ledger", f"sqlite:///{line.environment['NEXI_CONFIG']}.l"],
    "batch status": ledger,
    "batch review": ledger,
    "batch dunning": lambda line: [*ledger(line), "--attempt", "2"],
    "inbox list": lambda line: ["--inbox", inbox(line)],
    "inbox show": lambda line: ["1", "--inbox", inbox(line)],
    "inbox replay": lambda line: ["--inbox", inbox(line)],
    "inbox purge": lambda line: ["--inbox", inbox(line)],
    "doctor": lambda _: [],
}
"""Arguments for each command that ends by itself; a new command needs a line here."""

STATUSES = {"webhooks send": 2, "webhooks trigger": 1, "batch status": 1}
"""Where there is no receiver, or nothing is charged yet."""
EMPTY = {"webhooks send", "batch review"}
"""Which have nothing to print here: no answer, no job in review."""


@pytest.mark.parametrize("name", TOP)
def test_a_command_is_listed_with_the_first_line_of_its_help(name: str) -> None:
    """The list is printed without the modules that have the help itself."""
    assert TOP[name].help.splitlines()[0].rstrip("\f") == module.COMMANDS[name]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    """What it does in a line that ends as a sentence does, every option explained, and how it is typed."""
    shown = CliRunner(env={"COLUMNS": "300"}).invoke(app, [*command.split(), "--help"])
    assert shown.exit_code == 0
    assert (COMMANDS[command].help or "").splitlines()[0].rstrip("\f").endswith((".", "`"))
    if command != "demo" and not command.startswith("batch"):
        assert f"Example: nexi-async {command}" in shown.stdout
    for parameter in COMMANDS[command].params:
        if parameter.param_type_name == "option":
            assert parameter.help, parameter.name


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - FOR_PEOPLE))
def test_every_command_that_prints_can_print_json(command: str) -> None:
    """A new command is found by this, and by the next test."""
    options = {option for parameter in COMMANDS[command].params for option in parameter.opts}
    assert "--json" in options
    assert (command in ARGUMENTS) != (command in ELSEWHERE)


@pytest.mark.parametrize("command", ARGUMENTS)
def test_json_is_json_and_nothing_else(line: CommandLine, command: str) -> None:
    """Each line of standard output is a document, and standard error has the rest."""
    arguments = ARGUMENTS[command](line)
    line.environment.setdefault("NEXI_WEBHOOK_AUTHORIZATION", SECRET)
    result = line.run(*command.split(), *arguments, "--json")
    documents = [json.loads(text) for text in result.stdout.splitlines()]
    assert len(documents) == (0 if command in EMPTY else 1)
    assert result.exit_code == STATUSES.get(command, 0), result.output


@pytest.mark.parametrize("command", sorted(set(ARGUMENTS) - EMPTY))
def test_people_get_a_table(line: CommandLine, command: str) -> None:
    """No JSON, and no traceback; what is listed is empty at most."""
    arguments = ARGUMENTS[command](line)
    result = line.run(*command.split(), *arguments)
    assert result.exit_code == STATUSES.get(command, 0), result.output
    assert result.stdout
    assert "Traceback" not in result.output


@pytest.mark.parametrize("command", sorted(set(ARGUMENTS)))
def test_no_command_shows_a_secret(line: CommandLine, command: str) -> None:
    """Neither the key nor the value of webhooks, in either form."""
    arguments = ARGUMENTS[command](line)
    line.environment["NEXI_WEBHOOK_AUTHORIZATION"] = SECRET
    printed = "".join(line.run(*command.split(), *arguments, *form).output for form in ((), ("--json",)))
    assert line.emulator.secret_key not in printed
    assert SECRET not in printed


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_commands_options_and_values(line: CommandLine, shell: str) -> None:
    """By the protocol that each shell's script speaks."""

    def complete(*words: str) -> str:
        text = " ".join(("nexi-async", *words))
        protocol = {
            "_NEXI_ASYNC_COMPLETE": f"complete_{shell}",
            "_TYPER_COMPLETE_ARGS": text,
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
            "COMP_WORDS": text,
            "COMP_CWORD": str(len(words)),
        }
        runner = CliRunner(env={**line.environment, **protocol})
        return runner.invoke(app, [], prog_name="nexi-async").output

    assert "payments" in complete("pay")
    assert "refund" in complete("payments", "ref")
    assert "--idempotency-key" in complete("payments", "charge", "--idem")
    assert "payment.refund.completed" in complete("webhooks", "trigger", "payment.refund.c")
    assert "live" in complete("payments", "get", "--environment", "l")
