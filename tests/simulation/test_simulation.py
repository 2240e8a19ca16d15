"""The shipped code keeps its promises in simulated scenarios, and the simulation is worth trusting."""

from __future__ import annotations

import gc
import hashlib
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from tests.simulation import runner
from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.runner import run_scenario
from tests.simulation.scenario import Scenario, generate, simplifications
from tests.simulation.trace import Trace

TOGETHER = 5
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def frozen_again() -> Iterator[None]:
    """Freeze tests and modules again, which a simulation has unfrozen; see `tests/conftest.py`."""
    yield
    gc.freeze()


@pytest.fixture
def without_coverage() -> Iterator[None]:
    """Other tests cover the code, and measuring would take half of the time.

    The marker `no_cover` stops only one of the two measurements that run in a process of pytest-xdist.
    """
    trace = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(trace)


@pytest.mark.usefixtures("without_coverage")
@pytest.mark.parametrize("first", [0, *(pytest.param(first, marks=pytest.mark.slow) for first in (5, 10, 15))])
def test_no_property_is_violated(first: int) -> None:
    """Every job is charged once, and every error and event is accounted for; `.ci/run` tries other scenarios."""
    for seed in range(first, first + TOGETHER):
        violations = run_scenario(generate(seed)).violations
        assert not violations, f"python -m tests.simulation --seed {seed} -v"


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (14, 16))])
def test_same_seed_gives_same_log(seed: int) -> None:
    """A scenario is repeated line by line, whichever of asyncio's implementations of tasks runs it."""
    scenario = generate(seed)
    first = run_scenario(scenario).lines
    assert first == run_scenario(scenario).lines
    assert first == run_scenario(scenario, tasks="Python").lines


@pytest.mark.slow
def test_same_seed_gives_same_log_in_other_processes() -> None:
    """Neither hashes nor addresses in memory decide anything."""
    here = "\n".join(run_scenario(generate(7)).lines)
    assert {_digest_in_process(hash_seed="1"), _digest_in_process(hash_seed="2")} == {_digest(here)}


def _digest_in_process(*, hash_seed: str) -> str:
    program = (
        "from tests.simulation.runner import run_scenario; from tests.simulation.scenario import generate;"
        "print('\\n'.join(run_scenario(generate(7)).lines), end='')"
    )
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, check=True)
    return _digest(done.stdout.decode())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=list(MUTANTS))
def test_planted_faults_fit_the_code(mutant: Mutant) -> None:
    """Each planted fault replaces a piece of source that is there once."""
    spec = importlib.util.find_spec(mutant.module)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).read_text().count(mutant.old) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["begin charges twice as fast as allowed", "answer 200 when the database is unavailable"]
)
def test_planted_faults_are_found(name: str) -> None:
    """With a fault planted, the command ends with 1 and names the seed; `--mutants` shows it of all of them."""
    command = [sys.executable, "-m", "tests.simulation", "--mutant", name, "--no-simplify", "--processes", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "violates a property" in done.stdout


def test_simplifying_comes_to_an_end() -> None:
    """A scenario that fails whatever is left out of it ends as one of a single job, without faults or actions."""
    scenario, steps = generate(0), 0
    while (simpler := next(simplifications(scenario), None)) is not None:
        assert simpler != scenario
        scenario, steps = simpler, steps + 1
    assert scenario == Scenario(seed=0, jobs=1, concurrency=1)
    assert steps < 100


def test_a_killed_process_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the system kills a process of the simulation, the command fails instead of waiting for it."""
    monkeypatch.setattr(runner, "generate", lambda _: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(BrokenProcessPool):
        runner.run_seeds(range(8), processes=2)


def test_an_endless_loop_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scenario that computes for ever is a violation, with its seed; on a busy machine it may take its time."""
    monkeypatch.setattr(runner, "HANGING_SECONDS", 0.05)
    monkeypatch.setattr(runner, "run_scenario", _compute_for_ever)
    with pytest.raises(SystemExit, match="computes"):
        runner.run_seed(0)


def _compute_for_ever(_: Scenario) -> Trace:
    while True:
        pass
