"""The kill test: whichever process is killed, emulator and ledger agree job by job.

In the suite with a few hundred jobs; with NEXI_TEST_FULL=1 with 5,000 and fifteen kills.
"""

from __future__ import annotations

import csv
import os
import random
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from nexi_async.batch._distributed import SHARD_SIZE
from tests.batch.processes import EmulatorProcess, batch, begin

pytestmark = pytest.mark.slow

IS_FULL = os.environ.get("NEXI_TEST_FULL") == "1"
JOBS, KILLS = (5_000, 15) if IS_FULL else (300, 3)
SHARED_JOBS = max(JOBS, 2 * SHARD_SIZE + 1)
"""Three machines need three shards."""
DECLINED = 0.05

CHARGES = {"method": "POST", "path": "/v1/subscriptions/*/charges"}
FAULTS = [
    {"fault": "lose_response", "rate": 0.03, **CHARGES},
    {"fault": "status", "status": 500, "rate": 0.02, **CHARGES},
    {"fault": "status", "status": 429, "rate": 0.02, **CHARGES},
]
RUN = ("run", "--run", "r", "--concurrency", "20")


def write_jobs(file: Path, emulator: EmulatorProcess, chance: random.Random, count: int) -> set[str]:
    """A file of jobs; returns the references of those that the issuer will approve."""
    lines, approved = ["reference,subscription_id,currency,amount,name"], set()
    for number, id_ in enumerate(emulator.sign_up(count)):
        is_declined = chance.random() < DECLINED
        lines.append(f"job-{number},{id_},SEK,{151 if is_declined else 9900},Box")
        if not is_declined:
            approved.add(f"job-{number}")
    file.write_text("\n".join(lines))
    return approved


def kill_at_random_time(charging: subprocess.Popen[str], chance: random.Random) -> None:
    """Let it work for a while, then kill it without a warning."""
    assert charging.stdout is not None
    charging.stdout.readline()  # it has begun to charge
    time.sleep(chance.uniform(0, 0.5))
    charging.kill()
    charging.communicate(timeout=30)


def states(environment: dict[str, str], folder: Path) -> dict[str, str]:
    """The state of each job by the ledger."""
    file = folder / "report.csv"
    assert batch(environment, "report", "--run", "r", "--csv", str(file)).exit_code == 0
    return {row["reference"]: row["state"] for row in csv.DictReader(file.read_text().splitlines())}


@pytest.mark.timeout(600)
def test_no_kill_charges_a_job_twice_or_loses_one(tmp_path: Path, emulator: EmulatorProcess) -> None:
    """Responses lost after the effect, random failures, declines, and SIGKILL at random moments."""
    chance = random.Random(8)
    environment = {**emulator.environment, "NEXI_LEDGER": f"sqlite:///{tmp_path / 'ledger.db'}"}
    approved = write_jobs(tmp_path / "jobs.csv", emulator, chance, JOBS)
    assert batch(environment, "plan", str(tmp_path / "jobs.csv"), "--run", "r").exit_code == 0
    emulator.control("PUT", "faults", FAULTS)
    kills = 0
    for _ in range(KILLS):
        charging = begin(environment, *RUN, "--rate", str(JOBS // 4))
        kill_at_random_time(charging, chance)
        kills += charging.returncode == -9
    last = batch(environment, *RUN)
    assert last.exit_code == 1, last.stderr  # some are declined
    charged = emulator.charged()

    assert kills == KILLS
    assert charged == Counter(dict.fromkeys(approved, 1))
    found = states(environment, tmp_path)
    assert len(found) == JOBS
    assert {name for name, state in found.items() if state == "charged"} == approved
    assert {state for name, state in found.items() if name not in approved} <= {"declined"}


@pytest.mark.timeout(600)
def test_a_killed_worker_is_replaced_by_the_others(
    tmp_path: Path, postgres_url: str, emulator: EmulatorProcess
) -> None:
    """Three machines on PostgreSQL, one of them killed in the middle of a shard: the others charge the rest, once."""
    chance = random.Random(9)
    environment = {**emulator.environment, "NEXI_LEDGER": postgres_url}
    approved = write_jobs(tmp_path / "jobs.csv", emulator, chance, SHARED_JOBS)
    assert batch(environment, "plan", str(tmp_path / "jobs.csv"), "--run", "r").exit_code == 0
    emulator.control("PUT", "faults", FAULTS)
    worker = ("worker", "--run", "r", "--concurrency", "10", "--rate", str(SHARED_JOBS // 4))
    first, *others = [begin(environment, *worker) for _ in range(3)]
    kill_at_random_time(first, chance)
    for other in others:
        _, complaints = other.communicate(timeout=300)
        assert other.returncode == 1, complaints  # some are declined
    charged = emulator.charged()

    assert first.returncode == -9
    assert charged == Counter(dict.fromkeys(approved, 1))
    found = states(environment, tmp_path)
    assert {name for name, state in found.items() if state == "charged"} == approved
    assert {state for name, state in found.items() if name not in approved} <= {"declined"}
