"""The batch commands as their users meet them, against the emulator."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from nexi_async._cli.app import app
from nexi_async._cli.batch_progress import showing_progress
from nexi_async.batch import JobState, Progress
from tests.batch.processes import EmulatorProcess, begin, running_emulator

pytestmark = pytest.mark.slow

HEADER = "reference,subscription_id,currency,amount,name,tax_rate\n"


@pytest.fixture
def at(emulator: EmulatorProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with the address, the key and the ledger in the environment."""
    monkeypatch.setenv("NEXI_BASE_URL", emulator.url)
    monkeypatch.setenv("NEXI_SECRET_KEY", "emulator-secret-key")
    monkeypatch.setenv("NEXI_LEDGER", f"sqlite:///{tmp_path / 'ledger.db'}")
    return tmp_path


def run(*arguments: str | Path) -> Result:
    """Run a batch command here."""
    return CliRunner().invoke(app, ["batch", *map(str, arguments)])


def jobs(folder: Path, emulator: EmulatorProcess, count: int, *, declined: int = 0, more: str = "") -> Path:
    """A file of jobs, of which some will be declined, and another line."""
    ids = emulator.sign_up(count)
    rows = [f"job-{n},{id_},SEK,{151 if n < declined else 9900},Box,2500\n" for n, id_ in enumerate(ids)]
    file = folder / "jobs.csv"
    file.write_text(HEADER + "".join(rows) + more)
    return file


def test_a_run_from_the_file_to_the_report(at: Path, emulator: EmulatorProcess) -> None:
    """Plan, run, status and report agree with the emulator's state."""
    planned = run("plan", jobs(at, emulator, 30), "--run", "r")
    assert (planned.exit_code, planned.stdout) == (0, "30 jobs planned, 0 were already, 0 lines are bad.\n")

    charged = run("run", "--run", "r")
    assert charged.exit_code == 0, charged.output
    assert "30 of 30 jobs" in charged.stdout
    assert "2,970.00 SEK" in run("status", "--run", "r").stdout

    assert run("report", "--run", "r", "--csv", at / "out.csv", "--html", at / "out.html").exit_code == 0
    rows = list(csv.DictReader((at / "out.csv").read_text().splitlines()))
    assert {row["reference"]: 1 for row in rows if row["state"] == "charged"} == emulator.charged()
    assert "2,970.00 SEK" in (at / "out.html").read_text()


def test_a_run_can_be_read_by_other_programs(at: Path, emulator: EmulatorProcess) -> None:
    """With --json the figures are a document; progress goes to standard error."""
    assert json.loads(run("plan", jobs(at, emulator, 3, declined=1), "--run", "r", "--json").stdout)["planned"] == 3
    charged = run("run", "--run", "r", "--json")
    assert charged.exit_code == 1
    document = json.loads(charged.stdout)
    assert [(total["state"], total["jobs"], total["amount"]) for total in document["totals"]] == [
        ("charged", 2, 19800),
        ("declined", 1, 151),
    ]
    assert document["reasons"][0]["code"] == "1020"
    assert "3 of 3 jobs" in charged.stderr
    assert json.loads(run("status", "--run", "r", "--json").stdout) == document


def test_a_run_can_be_charged_in_bulk(at: Path, emulator: EmulatorProcess) -> None:
    """With `--strategy bulk`; a run keeps it, and a misspelt strategy is refused."""
    emulator.control("PUT", "settings", {"bulk_seconds": 0})
    run("plan", jobs(at, emulator, 10), "--run", "r")

    assert run("run", "--run", "r", "--strategy", "bulky").exit_code == 2
    assert run("run", "--run", "r", "--strategy", "bulk").exit_code == 0
    assert run("run", "--run", "r").exit_code == 2
    assert set(emulator.charged().values()) == {1}


def test_bad_lines_are_listed_and_the_others_planned_unless_strict(at: Path, emulator: EmulatorProcess) -> None:
    """Number and reason of each; exit status 1."""
    file = jobs(at, emulator, 2, more="x,s,SEK,1.5,Box,0\njob-0,s,SEK,100,Box,0\n")

    strict = run("plan", file, "--run", "r", "--strict")
    assert (strict.exit_code, strict.stdout) == (1, "0 jobs planned, 0 were already, 2 lines are bad.\n")
    loose = run("plan", file, "--run", "r")
    assert (loose.exit_code, loose.stdout) == (1, "2 jobs planned, 0 were already, 2 lines are bad.\n")
    assert "line 4: amount: must be a whole number in minor units" in loose.stderr
    assert "line 5: reference: stands in this plan before" in loose.stderr


def test_declined_jobs_are_status_1_and_planned_again(at: Path, emulator: EmulatorProcess) -> None:
    """The next attempt is a day later."""
    run("plan", jobs(at, emulator, 5, declined=2), "--run", "r")

    charged = run("run", "--run", "r")
    assert charged.exit_code == 1
    assert "1020 PaymentMethodChargeFailed" in charged.stdout
    dunned = run("dunning", "--run", "r", "--attempt", "2")
    assert "2 jobs are planned again, 0 will not be retried." in dunned.stdout
    later = run("status", "--run", "r")
    assert (later.exit_code, "2 are planned for later, the first for" in later.stdout) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("run", "--run", "nobody"), "run: nobody is not planned in this ledger"),
        (("status", "--run", "r", "--ledger", "mysql://x/y"), "url: is for mysql"),
        (
            ("status", "--run", "r", "--ledger", "sqlite:////nowhere/x.db"),
            "can't be opened: No such file",
        ),
        (("plan", "missing.csv", "--run", "r"), "missing.csv can't be used: No such file or directory"),
        (("report", "--run", "nobody", "--csv", "out.csv"), "run: nobody is not planned"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_status_2(at: Path, arguments: tuple[str, ...], complaint: str) -> None:
    """No traceback, and nothing is left behind."""
    with contextlib.chdir(at):
        result = run(*arguments)

    assert result.exit_code == 2
    assert complaint in result.stderr
    assert not (at / "out.csv").exists()


def test_a_wrong_key_is_status_2_and_the_right_one_goes_on(at: Path, emulator: EmulatorProcess) -> None:
    """A wrong key fails no job."""
    run("plan", jobs(at, emulator, 20), "--run", "r")

    (at / "key").write_text("wrong\n")
    wrong = run("run", "--run", "r", "--secret-key-file", at / "key")
    assert wrong.exit_code == 2
    assert "401" in wrong.stderr
    assert run("run", "--run", "r").exit_code == 0


def test_a_profile_is_used_as_by_the_other_commands(
    at: Path, emulator: EmulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its key and address, and nothing of the environment; a key file comes before its key."""
    run("plan", jobs(at, emulator, 2), "--run", "r")
    config = at / "config.toml"
    config.write_text(f'[profiles.shop]\nbase_url = "{emulator.url}"\nsecret_key = "emulator-secret-key"\n')
    config.chmod(0o600)
    (at / "key").write_text("wrong\n")
    monkeypatch.setenv("NEXI_CONFIG", str(config))
    monkeypatch.setenv("NEXI_SECRET_KEY", "of-another-shop")
    monkeypatch.setenv("NEXI_BASE_URL", "http://127.0.0.1:1")

    assert run("run", "--run", "r", "--profile", "shop", "--secret-key-file", at / "key").exit_code == 2
    charged = run("run", "--run", "r", "--profile", "shop")
    assert charged.exit_code == 0, charged.output
    assert run("run", "--run", "r", "--profile", "nobody").exit_code == 2


@pytest.mark.parametrize("command", ["run", "review", "resolve", "worker"])
def test_every_command_that_calls_the_api_takes_a_profile(command: str) -> None:
    """With the options that all commands have for where they go."""
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["batch", command, "--help"]).stdout
    for option in ("--profile", "--environment", "--base-url", "--secret-key-file"):
        assert option in shown


def test_sigterm_finishes_charges_under_way_and_the_run_can_be_continued(at: Path, emulator: EmulatorProcess) -> None:
    """Status 3; nothing is left in doubt, and the rest is charged later."""
    run("plan", jobs(at, emulator, 100), "--run", "r")
    charging = begin(dict(os.environ), "run", "--run", "r", "--concurrency", "4", "--rate", "20")
    assert charging.stdout is not None
    charging.stdout.readline()
    charging.send_signal(signal.SIGTERM)
    output, complaints = charging.communicate(timeout=30)

    assert charging.returncode == 3, complaints
    assert "Finishing the charges under way" in complaints
    assert "sending" not in output
    assert 0 < emulator.charged().total() < 100
    assert run("run", "--run", "r").exit_code == 0
    assert set(emulator.charged().values()) == {1}


def test_a_second_signal_cancels(at: Path, emulator: EmulatorProcess) -> None:
    """At once; charges that may have been sent are looked up when the run is continued."""
    emulator.control("PUT", "faults", [{"fault": "delay", "seconds": 60, "path": "*/charges"}])
    run("plan", jobs(at, emulator, 10), "--run", "r")
    charging = begin(dict(os.environ), "run", "--run", "r")
    while not emulator.charged():
        assert charging.poll() is None
    charging.send_signal(signal.SIGINT)
    assert charging.stderr is not None
    assert "Finishing" in charging.stderr.readline()
    charging.send_signal(signal.SIGINT)
    _, complaints = charging.communicate(timeout=30)
    assert (charging.returncode, "Interrupted" in complaints) == (3, True)

    emulator.control("PUT", "faults", [])
    emulator.control("POST", "clock", {"advance": 120})
    assert run("run", "--run", "r").exit_code == 0
    assert set(emulator.charged().values()) == {1}


def test_a_worker_without_procrastinate_names_the_command_that_installs_it() -> None:
    """One line and status 2."""
    program = "import sys; sys.modules['procrastinate'] = None; from nexi_async._cli import main; main()"
    command = [sys.executable, "-c", program, "batch", "worker", "--run", "r", "--ledger", "postgresql:///x"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)

    assert result.returncode == 2
    assert result.stderr == "several machines need procrastinate: pip install 'nexi-async[distributed]'\n"


# --- the bar -------------------------------------------------------------------------------------------------------


def progress(done: int) -> Progress:
    """So many of a hundred done."""
    return Progress(100, done, {JobState.CHARGED: done}, 10.0, (100 - done) / 10)


def test_elsewhere_than_on_a_terminal_lines_come_now_and_then() -> None:
    """The first at once, then every five seconds, and always the last."""
    paper, time = io.StringIO(), 0.0
    with showing_progress(Console(file=paper, width=80), now=lambda: time) as show:
        for done in range(0, 101, 10):
            show(progress(done))
            time += 1.0

    assert paper.getvalue().splitlines() == [
        "0 of 100 jobs, 10/s, 0:00:10 left",
        "50 of 100 jobs, 10/s, 0:00:05 left, 50 charged",
        "100 of 100 jobs, 10/s, 0:00:00 left, 100 charged",
    ]


def test_on_a_terminal_there_is_a_bar() -> None:
    """With count, rate and time left."""
    paper = io.StringIO()
    with showing_progress(Console(file=paper, width=100, force_terminal=True, force_interactive=True)) as show:
        show(progress(50))

    assert "50/100" in paper.getvalue()
    assert "10/s, 0:00:05 left, 50 charged" in paper.getvalue()


# --- secrets and files ---------------------------------------------------------------------------------------------


def test_no_key_on_the_command_line(at: Path) -> None:
    """Every user of the machine could read it; a missing file is reported by the name of the option."""
    assert run("run", "--run", "r", "--secret-key", "geheim").exit_code == 2
    missing = run("run", "--run", "r", "--secret-key-file", at / "none")
    assert (missing.exit_code, "--secret-key-file: can't be read" in missing.stderr) == (2, True)


def test_a_password_on_the_command_line_is_warned_of() -> None:
    """Without repeating it; an invalid port is reported without the URL."""
    said = run("status", "--run", "r", "--ledger", "postgresql://shop:geheim@localhost:port/shop")
    assert said.exit_code == 2
    assert "put the URL into NEXI_LEDGER" in said.stderr
    assert "url: is not a URL" in said.stderr
    assert "geheim" not in said.output


def test_reports_are_for_their_owner_and_follow_no_link(at: Path, emulator: EmulatorProcess) -> None:
    """A link in the report's place is replaced; what it points to stays as it is."""
    run("plan", jobs(at, emulator, 1), "--run", "r")
    (at / "precious").write_text("precious")
    (at / "out.csv").symlink_to(at / "precious")
    assert run("report", "--run", "r", "--csv", at / "out.csv", "--html", at / "out.html").exit_code == 0
    assert (at / "precious").read_text() == "precious"
    assert [stat.S_IMODE((at / name).lstat().st_mode) for name in ("out.csv", "out.html", "ledger.db")] == [0o600] * 3
    assert not (at / "out.csv").is_symlink()
    assert not list(at.glob(".out*"))


# --- review --------------------------------------------------------------------------------------------------------


def test_unknown_charges_with_old_keys_are_reviewed_and_resolved(at: Path, emulator: EmulatorProcess) -> None:
    """The charge happened, its answer got lost, and the key is too old to ask by."""
    run("plan", jobs(at, emulator, 2), "--run", "r")
    lose_responses_of_old(at, emulator)
    assert emulator.charged() == {"job-0": 1, "job-1": 1}
    listed = run("review", "--run", "r")
    assert (listed.exit_code, "2 jobs are in review." in listed.stdout) == (1, True)
    assert "job-0: 99.00 SEK from subscription" in listed.stdout

    items = [json.loads(text) for text in run("review", "--run", "r", "--json").stdout.splitlines()]
    assert {item["reference"] for item in items} == {"job-0", "job-1"}
    assert all(item["idempotencyKey"] for item in items)
    assert run("resolve", "job-0", "--run", "r").exit_code == 2
    found = run("resolve", "job-0", "--run", "r", "--payment", "p", "--charge", "c", "--unchecked")
    assert (found.exit_code, found.stdout) == (0, "job-0 is charged.\n")
    early = run("resolve", "job-1", "--run", "r", "--not-charged")
    assert (early.exit_code, "look for its payment again in" in early.stderr) == (2, True)
    let_pass(at, "ended", 300)
    resolved = run("resolve", "job-1", "--run", "r", "--not-charged", "--json")
    assert json.loads(resolved.stdout) == {"reference": "job-1", "state": "planned"}
    assert run("review", "--run", "r").exit_code == 0
    assert run("status", "--run", "r").exit_code == 1


def lose_responses_of_old(at: Path, emulator: EmulatorProcess) -> None:
    """Charge the run, lose every answer, and let a day pass; what was charged is paid out meanwhile."""
    emulator.control("PUT", "settings", {"payout_days": 0})
    emulator.control("PUT", "faults", [{"fault": "lose_response"}])
    assert run("run", "--run", "r").exit_code != 0
    emulator.control("PUT", "faults", [])
    emulator.control("POST", "clock", {"advance": 25 * 3600})
    let_pass(at, "sent_at", 25 * 3600)
    again = run("run", "--run", "r")
    assert (again.exit_code, "2 may have been charged: see" in again.stderr) == (1, True)


def let_pass(at: Path, since: str, seconds: int) -> None:
    """Let time pass since something happened to the jobs."""
    with sqlite3.connect(at / "ledger.db") as ledger:
        ledger.execute(f"UPDATE nexi_batch_jobs SET {since} = {since} - {seconds}")
    ledger.close()


@pytest.fixture
def punctual() -> Iterator[EmulatorProcess]:
    """An emulator of its own, whose clock no other test has put forward."""
    with running_emulator() as emulator:
        yield emulator


def test_what_is_paid_out_is_found_and_checked(
    at: Path, punctual: EmulatorProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The payouts name the payment of each job; another job's is refused."""
    monkeypatch.setenv("NEXI_BASE_URL", punctual.url)
    run("plan", jobs(at, punctual, 2), "--run", "r")
    lose_responses_of_old(at, punctual)
    lines = run("review", "--run", "r", "--look-up").stdout.splitlines()
    first, second = (line.split()[1:5] for line in lines if line.startswith("    matches: "))

    swapped = run("resolve", "job-0", "--run", "r", *second)
    assert (swapped.exit_code, swapped.stderr.splitlines()) == (
        2,
        [
            "payment: has another subscription than the job",
            "payment: has another order reference than the job",
        ],
    )
    assert run("resolve", "job-0", "--run", "r", *first).stdout == "job-0 is charged.\n"
    twice = run("resolve", "job-1", "--run", "r", *first, "--unchecked")
    assert (twice.exit_code, "is the payment of the job job-0" in twice.stderr) == (2, True)
    assert run("resolve", "job-1", "--run", "r", *second).exit_code == 0
    assert run("review", "--run", "r", "--look-up").exit_code == 0


def test_what_is_not_paid_out_may_have_happened(at: Path, emulator: EmulatorProcess) -> None:
    """Not to be found is no proof, and the review says so; an unknown payment is refused."""
    run("plan", jobs(at, emulator, 2), "--run", "r")
    lose_responses_of_old(at, emulator)
    with sqlite3.connect(at / "ledger.db") as ledger:
        ledger.execute("UPDATE nexi_batch_jobs SET amount = 1")
    ledger.close()
    listed = run("review", "--run", "r", "--look-up")
    assert listed.stdout.count("it may not be paid out yet, so look in the portal") == 2
    unknown = run("resolve", "job-0", "--run", "r", "--payment", "0" * 32, "--charge", "1" * 32)
    assert unknown.exit_code == 2
    assert "404" in unknown.stderr
