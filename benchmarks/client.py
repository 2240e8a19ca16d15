"""CPU per call and calls per second of a subscription charge over TLS, side by side with what others offer.

The server runs in a process of its own. In every round each contender makes its calls once, in an order that changes
from round to round; figures are the medians over the rounds, with the lowest and highest beside them. CPU is that of
this process, so it does not count the server. The ratios are to aiohttp, a bare POST that checks and retries nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import ssl
import statistics
import sys
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

import attrs

from benchmarks import stub
from benchmarks.contenders import CONTENDERS, Charge, Contender, Ground

REFERENCE = "aiohttp"
ON_UVLOOP = " (uvloop)"
ALL = [name for name in CONTENDERS if sys.platform != "win32" or not name.endswith(ON_UVLOOP)]
SLOW = {"httpx", "httpx2", "nexi-async over httpx", "niquests", "stripe-python"}
"""Those whose cost grows with the number of connections; they make fewer calls, in fewer rounds."""


@attrs.frozen
class Sample:
    """One contender's turn in one round."""

    cpu_microseconds: float
    calls_per_second: float


async def _calls(charge: Charge, connections: int, count: int) -> None:
    """So many calls, so many at a time."""
    rest = iter(range(count))

    async def work() -> None:
        for _ in rest:
            await charge()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(connections):
            tasks.create_task(work())


async def _measure(contender: Contender, ground: Ground, count: int) -> Sample:
    async with contender(ground) as charge:
        await _calls(charge, ground.connections, 2 * ground.connections)  # connect and warm up
        cpu, wall = time.process_time(), time.perf_counter()
        await _calls(charge, ground.connections, count)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Sample(cpu / count * 1e6, count / wall)


def _rounds(names: Sequence[str], ground: Ground, calls: int, rounds: int, slow_rounds: int) -> dict[str, list[Sample]]:
    samples: dict[str, list[Sample]] = {name: [] for name in names}
    for number in range(rounds):
        taking_part = [name for name in names if number < slow_rounds or name not in SLOW]
        for name in random.sample(taking_part, len(taking_part)):
            count = max(ground.connections * 2, calls // 10 if name in SLOW else calls)
            samples[name].append(_run(name, _measure(CONTENDERS[name], ground, count)))
    return samples


def _run(name: str, measuring: Coroutine[Any, Any, Sample]) -> Sample:
    """On the event loop that the contender's name says, asyncio's own by default."""
    with asyncio.Runner(loop_factory=_uvloop if name.endswith(ON_UVLOOP) else None) as runner:
        return runner.run(measuring)


def _uvloop() -> asyncio.AbstractEventLoop:
    import uvloop  # not on Windows

    return uvloop.new_event_loop()


def _table(samples: dict[str, list[Sample]]) -> list[dict[str, Any]]:
    """A row a contender, with ratios taken round by round."""
    reference = samples.get(REFERENCE)
    rows = []
    for name, own in samples.items():
        cpu = [sample.cpu_microseconds for sample in own]
        row: dict[str, Any] = {
            "contender": name,
            "cpu_us": statistics.median(cpu),
            "cpu_us_min": min(cpu),
            "cpu_us_max": max(cpu),
            "calls_per_second": statistics.median(sample.calls_per_second for sample in own),
        }
        if reference is not None:
            ratios = [a.cpu_microseconds / b.cpu_microseconds for a, b in zip(own, reference, strict=False)]
            row |= {"ratio": statistics.median(ratios), "ratio_min": min(ratios), "ratio_max": max(ratios)}
        rows.append(row)
    return rows


def _print(connections: int, rows: list[dict[str, Any]]) -> None:
    print(f"\n{connections} connections")
    print(f"{'':24} {'CPU µs/call':>12} {'min – max':>19} {'calls/s':>9} {'CPU ratio':>10} {'min – max':>13}")
    for row in rows:
        line = f"{row['contender']:24} {row['cpu_us']:12.0f} {row['cpu_us_min']:9.0f} – {row['cpu_us_max']:7.0f}"
        line += f" {row['calls_per_second']:9.0f}"
        if "ratio" in row:
            line += f" {row['ratio']:10.2f} {row['ratio_min']:5.2f} – {row['ratio_max']:5.2f}"
        print(line, flush=True)


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    options = argparse.ArgumentParser("python -m benchmarks client", description=__doc__)
    options.add_argument("--connections", default="10,50,500,1000", help="numbers of connections, separated by commas")
    options.add_argument("--calls", type=int, default=5_000, help="calls of each contender in a round")
    options.add_argument("--rounds", type=int, default=5, help="rounds")
    options.add_argument("--slow-rounds", type=int, default=2, help="rounds in which slow contenders take part")
    options.add_argument("--latency", default="0ms", help="delay of the server's responses, e.g. 100ms")
    options.add_argument("--only", default=",".join(ALL), help="contenders, separated by commas")
    options.add_argument("--json", type=Path, help="write the figures to this file")
    given = options.parse_args(arguments)
    names = [name.strip() for name in given.only.split(",")]
    if not set(names) <= set(ALL):
        options.error(f"--only: choose from {', '.join(ALL)}")
    latency = float(given.latency.removesuffix("ms")) / 1000
    results: dict[str, Any] = {"python": sys.version.split()[0], "latency_ms": latency * 1000, "connections": {}}
    with stub.running(latency=latency) as (url, ca_file):
        context = ssl.create_default_context(cafile=ca_file)
        for connections in map(int, given.connections.split(",")):
            calls = given.calls if connections > 1 else given.calls // 5
            ground = Ground(url, context, str(ca_file), connections)
            samples = _rounds(names, ground, calls, given.rounds, given.slow_rounds)
            rows = results["connections"][connections] = _table(samples)
            _print(connections, rows)
    if given.json:
        given.json.write_text(json.dumps(results, indent=2) + "\n")
