"""`nexi-async webhooks` and `nexi-async inbox` as programs of their own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import httpx
import pytest
import typer
from typer.testing import CliRunner, Result

from nexi_async._cli.app import app
from nexi_async._cli.usage_errors import reporting_errors
from nexi_async.webhooks import Event, SQLInbox, StoredEvent, deliveries, parse_event
from tests.cli.test_main import COMMAND, run

pytestmark = pytest.mark.slow

SECRET = "Kq7ZtB9fRw4LmXc2"


@contextmanager
def listening(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The program on a free port, and its URL."""
    command = [*COMMAND, "webhooks", "listen", "--port", "0", *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1, env=with_secret()
    ) as program:
        try:
            out = program.stderr if "--json" in options else program.stdout
            assert out is not None
            introduction = "".join(iter(out.readline, "Ctrl-C stops it.\n"))
            assert SECRET not in introduction
            yield program, re.findall(r"Listening at +(\S+)", introduction)[0]
        finally:
            program.kill()


def with_secret() -> dict[str, str]:
    """The environment, with the value that both sides use."""
    return {**os.environ, "NEXI_WEBHOOK_AUTHORIZATION": SECRET}


def send(url: str, event: str = "payment.created", *options: str) -> subprocess.CompletedProcess[str]:
    """Send a sample."""
    return run("webhooks", "send", event, "--to", url, *options, NEXI_WEBHOOK_AUTHORIZATION=SECRET)


def test_what_is_sent_is_printed() -> None:
    """The two commands together: an event comes in and shows, and Ctrl-C ends it cleanly."""
    with listening() as (program, url):
        sent = send(url, "payment.created", "--set", "payment_id=bb02", "--set", f"order={json.dumps(ORDER)}")
        assert (sent.returncode, sent.stdout) == (0, "200 handled\n")
        assert program.stdout is not None
        assert program.stdout.readline().split()[2:] == ["payment.created", "bb02", "377.00", "NOK"]
        program.send_signal(signal.SIGINT)
        _, complaints = program.communicate(timeout=20)
    assert (program.returncode, complaints) == (0, "")


ORDER = {"amount": {"amount": 37700, "currency": "NOK"}}


def test_bodies_can_be_read_by_other_programs(tmp_path: Path) -> None:
    """With --json nothing but bodies is on standard output; with an inbox they have been stored."""
    url_of_inbox = f"sqlite:///{tmp_path / 'inbox.db'}"
    with listening("--json", "--inbox", url_of_inbox, "--network", "any") as (program, url):
        assert send(url, "partner.onboarded", "--set", "id=aa01").returncode == 0
        assert program.stdout is not None
        assert json.loads(program.stdout.readline())["id"] == "aa01"
        program.terminate()
        program.communicate(timeout=20)
    assert program.returncode == 0
    assert "partner.onboarded" in run("inbox", "list", "--inbox", url_of_inbox).stdout


def test_a_made_up_secret_is_shown() -> None:
    """A command without one names those to use."""
    command = [*COMMAND, "webhooks", "listen", "--port", "0", "--host", "::1"]
    environment = {name: value for name, value in os.environ.items() if name != "NEXI_WEBHOOK_AUTHORIZATION"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1, env=environment) as program:
        assert program.stdout is not None
        address, secret = (program.stdout.readline().split()[-1] for _ in range(2))
        program.kill()
    assert address.startswith("http://[::1]:")
    assert len(secret) == 32


def test_a_refusal_is_reported() -> None:
    """The answer is shown, and the status says that it was not 200; the listener says whom it refused, each time."""
    with listening("--network", "192.0.2.1") as (program, url):
        refused = [send(url) for _ in range(2)]
        program.send_signal(signal.SIGINT)
        _, complaints = program.communicate(timeout=20)
    assert [(each.returncode, each.stdout) for each in refused] == [(1, "403 not an address of Nexi's\n")] * 2
    assert complaints.count("refused a webhook from ('127.0.0.1', ") == 2
    assert complaints.count("add --network 127.0.0.1 if it is yours or Nexi's") == 2


def test_a_wrong_authorization_is_reported() -> None:
    """On both sides, without the value."""
    with listening() as (program, url):
        refused = run("webhooks", "send", "payment.created", "--to", url, NEXI_WEBHOOK_AUTHORIZATION="wrong-value")
        program.send_signal(signal.SIGINT)
        _, complaints = program.communicate(timeout=20)
    assert (refused.returncode, refused.stdout) == (1, "401 not authorized\n")
    assert "set NEXI_WEBHOOK_AUTHORIZATION, or webhook_authorization in a profile, to that value" in complaints
    assert len(complaints.splitlines()) == 2
    assert "its Authorization is missing or not one that payments were created with" in complaints
    assert "wrong-value" not in complaints
    assert SECRET not in complaints


def test_a_misspelt_event_is_sent_with_a_note() -> None:
    """It may be what is to be tried; but the name that was probably meant is shown."""
    refused = CliRunner().invoke(app, ["webhooks", "send", "payment.chekout.completed", "--to", "http://127.0.0.1:1"])
    assert "it is sent as an unknown one; did you mean payment.checkout.completed?" in refused.stderr


def test_a_tunnel_is_this_machine() -> None:
    """What a tunnel on this machine tells of the sender does not matter: it delivers, and its address counts."""
    with listening() as (_, url):
        headers = {"Authorization": SECRET, "X-Forwarded-For": "20.31.57.61"}
        assert httpx.post(url, content=deliveries.sample("payment.created"), headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("webhooks", "send", "payment.created", "--to", "http://127.0.0.1:1"), "All connection attempts failed"),
        (("webhooks", "send", "payment.created", "--to", "x", "--set", "charge_id=1"), "has no member chargeId"),
        (("webhooks", "send", "payment.created", "--to", "x", "--set", "order=7"), "data.order: must be an object"),
        (("webhooks", "send", "payment.created", "--to", "x", "--set", "order"), "has no '='"),
        (("webhooks", "listen", "--inbox", "mysql://localhost"), "url: is for mysql"),
        (("webhooks", "listen", "--host", "192.0.2.1"), "Cannot assign requested address"),
        (("inbox", "list", "--inbox", "sqlite:////nowhere/inbox.db"), "--inbox: there is no inbox"),
        (("inbox", "list", "--inbox", "inbox.db"), "url: is not a URL"),
    ],
)
def test_what_can_not_be_used_is_reported(arguments: tuple[str, ...], text: str) -> None:
    """One line on standard error and status 2, not a traceback."""
    result = CliRunner().invoke(app, arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert text in result.stderr
    assert "Traceback" not in result.stderr


def test_a_value_that_is_too_short_is_refused() -> None:
    """Whoever knows the address could guess it."""
    result = CliRunner(env={"NEXI_WEBHOOK_AUTHORIZATION": "short"}).invoke(app, ["webhooks", "listen"])
    assert result.exit_code == 2
    assert "authorization[0]: must be 8 or more" in result.stderr


def test_a_missing_driver_is_reported() -> None:
    """The message is the package to install; an error of this package's own is not hidden."""
    with pytest.raises(typer.Exit) as left, reporting_errors():
        raise ModuleNotFoundError("PostgreSQL needs psycopg: pip install 'nexi-async[postgres]'")
    assert left.value.exit_code == 2
    for fault in (ModuleNotFoundError("gone", name="gone"), KeyError("ours")):
        with pytest.raises(type(fault)), reporting_errors():
            raise fault


# --- the inbox -----------------------------------------------------------------------------------------------------


@pytest.fixture
def url(tmp_path: Path) -> str:
    """An inbox with a handled event, a dead one and one that waits."""
    url = f"sqlite:///{tmp_path / 'inbox.db'}"
    anyio.run(fill, url)
    return url


async def fill(url: str) -> None:
    """Let three events come in; the second can't be handled."""

    async def handle(event: StoredEvent) -> None:
        if event.number == 2:
            raise RuntimeError("out of stock")

    inbox = SQLInbox(url, max_attempts=1)
    async with inbox:
        for name in ("payment.created", "payment.charge.created.v2"):
            await inbox.put(sample(name))
    async with inbox.working(handle):
        with anyio.fail_after(20):
            while (await inbox.stats()).waiting:  # noqa: ASYNC110 - nobody wakes
                await anyio.sleep(0.01)
    async with inbox:
        await inbox.put(sample("payment.cancel.created"))


def sample(name: str) -> Event:
    """An event of a payment that is called like it."""
    return parse_event(deliveries.sample(name, payment_id=f"id-of-{name}"))


def look(*arguments: str) -> Result:
    """Run a command on the inbox, in this process."""
    return CliRunner().invoke(app, ["inbox", *arguments])


def test_events_are_listed(url: str) -> None:
    """With number, state, tries, event, payment and error; chosen by state and by payment."""
    lines = look("list", "--inbox", url).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["number", "3", "2", "1"]
    assert "dead" in lines[2]
    assert "RuntimeError: out of stock" in lines[2]
    for options, number in [(("--state", "waiting"), "3"), (("--payment", "id-of-payment.created"), "1")]:
        shown = look("list", "--inbox", url, *options).stdout.splitlines()
        assert [line.split()[0] for line in shown[1:]] == [number]


def test_an_event_is_shown(url: str) -> None:
    """All that is known of it, and the delivery itself."""
    shown = look("show", "2", "--inbox", url).stdout
    for text in ("payment.charge.created.v2", "dead", "ended", "out of stock", '"paymentMethod": "Visa"'):
        assert text in shown
    assert "next attempt" in look("show", "3", "--inbox", url).stdout
    missing = look("show", "9", "--inbox", url)
    assert (missing.exit_code, missing.stderr) == (1, "There is no event 9.\n")


def test_events_are_replayed(url: str) -> None:
    """All dead ones, then one by its number."""
    assert look("replay", "--inbox", url).stdout == "1 requeued\n"
    assert look("replay", "1", "--inbox", url).stdout == "1 requeued\n"
    waiting = look("list", "--inbox", url, "--state", "waiting").stdout
    assert len(waiting.splitlines()) == 4


def test_events_are_purged(url: str) -> None:
    """Old handled ones, or dead ones; never those that wait."""
    assert look("purge", "--inbox", url).stdout == "0 deleted\n"
    assert look("purge", "--inbox", url, "--older-than", "0").stdout == "1 deleted\n"
    assert look("purge", "--inbox", url, "--older-than", "0", "--dead").stdout == "1 deleted\n"
    assert len(look("list", "--inbox", url).stdout.splitlines()) == 2


@pytest.mark.parametrize("command", [("list",), ("show", "1"), ("replay",), ("purge",)])
def test_looking_makes_no_inbox(command: tuple[str, ...], tmp_path: Path) -> None:
    """A misspelt name is reported, and no empty file is left behind."""
    result = look(*command, "--inbox", f"sqlite:///{tmp_path / 'nope.db'}")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "there is no inbox" in result.stderr
    assert not list(tmp_path.iterdir())
