"""Charges of a batch: charges a second and CPU per job, without a ledger, with SQLite and with PostgreSQL.

All charge against the same stub server, in turns, each in a process of its own; CPU and peak memory are that process's,
so neither the stub nor the PostgreSQL server counts. `--full` also measures the memory of a million jobs beside ten
thousand, and how long a run of a million that is half done takes from the start of its process to its first charge.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import attrs
from sqlalchemy import create_engine, text

from benchmarks import stub
from benchmarks.contenders import ORDER, SUBSCRIPTION
from nexi_async import AsyncCheckout, derive_key
from nexi_async.batch import BatchCharger, ChargeJob, Ledger

CONCURRENCY = 100
NO_LEDGER = "no ledger"
RUN = "benchmark"


@attrs.frozen
class Sample:
    """One turn, as its process measured it."""

    seconds: float
    cpu_seconds: float
    peak_mib: float
    first_after: float
    jobs: int

    @property
    def cpu_microseconds(self) -> float:
        """Per job."""
        return self.cpu_seconds / self.jobs * 1e6

    @property
    def per_second(self) -> float:
        """Jobs."""
        return self.jobs / self.seconds


# --- one turn, in a process of its own -----------------------------------------------------------------------------


def _checkout(url: str, ca_file: str) -> AsyncCheckout:
    context = ssl.create_default_context(cafile=ca_file)
    return AsyncCheckout("key", base_url=url, ssl_context=context, max_connections=CONCURRENCY)


async def _charge_without(checkout: AsyncCheckout, jobs: int, note: Callable[[], None]) -> None:
    """The same charges with the same keys, and nothing written."""
    rest = iter(range(jobs))

    async def work() -> None:
        for number in rest:
            key = derive_key(RUN, str(number), 1)
            await checkout.subscriptions.charge(SUBSCRIPTION, order=ORDER, idempotency_key=key)
            note()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(CONCURRENCY):
            tasks.create_task(work())


async def _charge_with(checkout: AsyncCheckout, ledger_url: str, note: Callable[[], None], most: int | None) -> None:
    async with Ledger.open(ledger_url) as ledger:
        charger = BatchCharger(checkout, ledger, run=RUN, concurrency=CONCURRENCY)
        count = 0
        async for _ in charger:
            note()
            count += 1
            if count == most:
                charger.stop()


async def _turn(url: str, ca_file: str, ledger_url: str, jobs: int, most: int | None) -> dict[str, Any]:
    """Charge; what it took."""
    began, cpu = time.perf_counter(), time.process_time()
    first: list[float] = []
    done = 0

    def note() -> None:
        nonlocal done
        done += 1
        if not first:
            first.append(time.time())

    async with _checkout(url, ca_file) as checkout:
        if ledger_url == NO_LEDGER:
            await _charge_without(checkout, jobs, note)
        else:
            await _charge_with(checkout, ledger_url, note, most)
    return {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - cpu,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "first_at": first[0],
        "jobs": done,
    }


# --- all turns -----------------------------------------------------------------------------------------------------


def _measure(server: tuple[str, Path], ledger_url: str, jobs: int, *, most: int | None = None) -> Sample:
    url, ca_file = server
    command = [sys.executable, "-m", "benchmarks.batch", url, str(ca_file), ledger_url, str(jobs), str(most or 0)]
    began = time.time()
    figures = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    first_at = figures.pop("first_at")
    return Sample(**figures, first_after=first_at - began)


async def _plan(ledger_url: str, jobs: int) -> float:
    """Plan so many jobs; how long it took."""
    began = time.perf_counter()
    async with Ledger.open(ledger_url) as ledger:
        all_jobs = (ChargeJob(reference=str(n), subscription_id=SUBSCRIPTION, order=ORDER) for n in range(jobs))
        await ledger.plan(RUN, all_jobs)
    return time.perf_counter() - began


@contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/ledger.db"


@contextmanager
def _none() -> Iterator[str]:
    yield NO_LEDGER


@contextmanager
def _postgres(server: str) -> Iterator[str]:
    from tests.postgres import fresh_database

    with fresh_database(server) as url:
        yield url


@contextmanager
def _contenders() -> Iterator[dict[str, Callable[[], AbstractContextManager[str]]]]:
    from tests.postgres import DURABLE, running_server

    with running_server(DURABLE) as server:
        yield {NO_LEDGER: _none, "SQLite": _sqlite, "PostgreSQL": lambda: _postgres(server)}


def _rounds(server: tuple[str, Path], jobs: int, rounds: int) -> dict[str, list[Sample]]:
    samples: dict[str, list[Sample]] = {}
    with _contenders() as contenders:
        for _ in range(rounds):
            for name, contender in contenders.items():
                with contender() as ledger_url:
                    if ledger_url != NO_LEDGER:
                        asyncio.run(_plan(ledger_url, jobs))
                    samples.setdefault(name, []).append(_measure(server, ledger_url, jobs))
    return samples


def _print(jobs: int, samples: dict[str, list[Sample]]) -> None:
    print(f"\n{jobs:,} jobs, {CONCURRENCY} at a time; CPU ratios are to charging without a ledger, round by round")
    print(f"{'':12} {'jobs/s':>8} {'CPU µs/job':>11} {'ratio':>6} {'min – max':>13} {'peak MiB':>9}")
    for name, own in samples.items():
        ratios = [a.cpu_microseconds / b.cpu_microseconds for a, b in zip(own, samples[NO_LEDGER], strict=True)]
        print(
            f"{name:12} {statistics.median(s.per_second for s in own):8.0f}"
            f" {statistics.median(s.cpu_microseconds for s in own):11.0f} {statistics.median(ratios):6.2f}"
            f" {min(ratios):5.2f} – {max(ratios):5.2f} {max(s.peak_mib for s in own):9.0f}",
            flush=True,
        )


def _full(server: tuple[str, Path], million: int) -> None:
    """Memory of a million jobs beside ten thousand, and the first charge of a run that is half done."""
    peaks = {}
    for jobs in (10_000, million):
        with _sqlite() as ledger_url:
            seconds = asyncio.run(_plan(ledger_url, jobs))
            print(f"\nplanned {jobs:,} jobs in {seconds:.1f} s", flush=True)
            if jobs == million:
                _execute(ledger_url, HALF_DONE)
                sample = _measure(server, ledger_url, jobs, most=1)
                print(f"resuming it half done: first charge {sample.first_after:.2f} s after the start of the process")
                _open_again(ledger_url)
            peaks[jobs] = _measure(server, ledger_url, jobs)
        print(
            f"charged {jobs:,}: {peaks[jobs].per_second:.0f} a second, peak {peaks[jobs].peak_mib:.1f} MiB", flush=True
        )
    print(f"difference of the peaks: {peaks[million].peak_mib - peaks[10_000].peak_mib:.1f} MiB")


HALF_DONE = """
UPDATE nexi_batch_jobs SET state = 'charged', ended = 0 WHERE number <= (SELECT max(number) / 2 FROM nexi_batch_jobs)
"""


def _open_again(ledger_url: str) -> None:
    _execute(ledger_url, "UPDATE nexi_batch_jobs SET state = 'planned', ended = NULL, owner = NULL")


def _execute(ledger_url: str, statement: str) -> None:
    engine = create_engine(ledger_url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    options = argparse.ArgumentParser("python -m benchmarks batch", description=__doc__)
    options.add_argument("--jobs", type=int, default=100_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--full", action="store_true", help="also a million jobs")
    given = options.parse_args(arguments)
    with stub.running() as server:
        _print(given.jobs, _rounds(server, given.jobs, given.rounds))
        if given.full:
            _full(server, 1_000_000)


if __name__ == "__main__":
    url, ca_file, ledger_url, jobs, most = sys.argv[1:]
    print(json.dumps(asyncio.run(_turn(url, ca_file, ledger_url, int(jobs), int(most) or None))))
