"""Runs scenarios of many seeds on all cores, and simplifies the first that fails."""

from __future__ import annotations

import itertools
import logging
import multiprocessing
import os
import signal
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import attrs

from tests.ram_disk import ram_disk
from tests.simulation.event_loop import TaskKind
from tests.simulation.scenario import Scenario, generate, simplifications
from tests.simulation.simulation import Simulation
from tests.simulation.trace import Trace

HANGING_SECONDS = 60
"""Seconds on a processor after which a scenario is taken for an endless loop; on a busy machine they pass slowly."""
SEEDS_OF_A_PROCESS = 2_000
"""After so many a new process goes on, which gives memory back."""
MOST_SIMPLIFICATIONS = 200


@attrs.frozen
class Report:
    """What came of one seed."""

    seed: int
    violations: tuple[str, ...]
    jobs: int
    charges: int
    deliveries: int
    virtual_seconds: float


@attrs.frozen
class Progress:
    """What has come of many seeds.

    Attributes:
        seeds: how many were run.
        charges: how many charges the API made.
        deliveries: how many events were sent.
        virtual_seconds: how much time passed.
        failed: the first report with a violation.
    """

    seeds: int = 0
    charges: int = 0
    deliveries: int = 0
    virtual_seconds: float = 0.0
    failed: Report | None = None

    def plus(self, report: Report) -> Progress:
        """With one more report."""
        return Progress(
            self.seeds + 1,
            self.charges + report.charges,
            self.deliveries + report.deliveries,
            self.virtual_seconds + report.virtual_seconds,
            self.failed or (report if report.violations else None),
        )


def run_scenario(scenario: Scenario, tasks: TaskKind = "C") -> Trace:
    """Run one scenario, with databases in memory where the system has a file system for that."""
    with _silence(), tempfile.TemporaryDirectory(dir=ram_disk()) as folder:
        return Simulation(scenario, Path(folder), tasks).run()


@contextmanager
def _silence() -> Iterator[None]:
    """Log and warn of nothing: what simulated processes report is not about this one."""
    logger = logging.getLogger("nexi_async")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def run_seed(seed: int) -> Report:
    """Run the scenario of a seed."""
    scenario = generate(seed)
    signal.signal(signal.SIGPROF, _hangs)
    signal.setitimer(signal.ITIMER_PROF, HANGING_SECONDS)
    try:
        trace = run_scenario(scenario)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return Report(seed, tuple(trace.violations), scenario.jobs, trace.charges, trace.deliveries, trace.virtual_seconds)


def _hangs(*_: object) -> None:
    raise SystemExit(f"the scenario computes for more than {HANGING_SECONDS} s")  # what else event loops catch


def run_seeds(
    seeds: Iterable[int], *, processes: int | None = None, tell: Callable[[Progress, float], None] | None = None
) -> Progress:
    """Run the scenarios of many seeds, until one fails.

    Args:
        seeds: which.
        processes: on how many cores; all when left out.
        tell: told from time to time of the progress, and how many real seconds have passed.

    Raises:
        BrokenProcessPool: a process was killed, by the system for want of memory perhaps.
    """
    began = told = time.perf_counter()
    progress = Progress()
    for report in _reports(seeds, processes or os.cpu_count() or 1):
        progress = progress.plus(report)
        if progress.failed is not None:
            break
        if tell is not None and time.perf_counter() - told > 10:
            told = time.perf_counter()
            tell(progress, told - began)
    if tell is not None:
        tell(progress, time.perf_counter() - began)
    return progress


def _reports(seeds: Iterable[int], processes: int) -> Iterator[Report]:
    if processes == 1:
        yield from map(run_seed, seeds)
        return
    left = iter(seeds)
    while some := list(itertools.islice(left, processes * SEEDS_OF_A_PROCESS)):
        pool = ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("fork"))
        try:
            yield from pool.map(run_seed, some, chunksize=4)
        finally:
            pool.shutdown(cancel_futures=True)


def simplified(scenario: Scenario) -> Scenario:
    """The simplest scenario found that violates a property too."""
    left = MOST_SIMPLIFICATIONS
    candidates = simplifications(scenario)
    while left and (candidate := next(candidates, None)) is not None:
        left -= 1
        if run_scenario(candidate).violations:
            scenario, candidates = candidate, simplifications(candidate)
    return scenario
