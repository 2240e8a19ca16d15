"""The pace of a batch against an API that takes its time: how much of the possible throughput a charger reaches.

The API is a stub in this process that answers a charge after 0.3 s, and a question for a charge after 5 ms. Possible is
concurrency / mean duration. Runs: from the start, in a block and in rounds; resumed after a crash that left 500 charges
in doubt; and with 30 % of the answers a second late.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx

from benchmarks.contenders import ORDER, SUBSCRIPTION
from nexi_async import AsyncCheckout
from nexi_async.batch import BatchCharger, ChargeJob, Ledger, Scope
from nexi_async.batch._ledger.ledger import job_queue_of

SECONDS, LATE_SECONDS, LATE_SHARE = 0.3, 1.0, 0.3
IN_DOUBT = 500
PAID = {"paymentId": "p", "chargeId": "c"}


class SlowAPI(httpx.AsyncBaseTransport):
    """Answers after a while.

    Args:
        late: the share of charges that are answered a second late.
    """

    def __init__(self, late: float) -> None:
        self._late = late
        self._random = random.Random(1)  # noqa: S311 - the same in every run

    @property
    def mean(self) -> float:
        """How many seconds a charge takes."""
        return SECONDS + self._late * LATE_SECONDS

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            await asyncio.sleep(0.005)
            return httpx.Response(404, json={})
        await asyncio.sleep(SECONDS + LATE_SECONDS * (self._random.random() < self._late))
        return httpx.Response(200, json=PAID)


@asynccontextmanager
async def _planned(jobs: int, in_doubt: int) -> AsyncIterator[Ledger]:
    with tempfile.TemporaryDirectory() as folder:
        async with Ledger.open(f"sqlite:///{folder}/ledger.db") as ledger:
            await ledger.plan(
                "r", (ChargeJob(reference=str(n), subscription_id=SUBSCRIPTION, order=ORDER) for n in range(jobs))
            )
            run = await job_queue_of(ledger).bind("r", "individual")
            if in_doubt:
                await job_queue_of(ledger).claim(run, scope=Scope(), after=0, limit=in_doubt, owner="the dead")
            yield ledger


async def _charge(jobs: int, concurrency: int, *, late: float = 0.0, in_doubt: int = 0, in_block: bool = True) -> float:
    """Jobs a second, as a share of what is possible."""
    api = SlowAPI(late)
    async with (
        AsyncCheckout("key", base_url="https://stub.test", transport=api, max_connections=concurrency) as checkout,
        _planned(jobs, in_doubt) as ledger,
    ):
        charger, count = BatchCharger(checkout, ledger, run="r", concurrency=concurrency), 0
        began = time.perf_counter()
        if in_block:
            async with charger as results:
                count = len([result async for result in results])
        else:
            count = len([result async for result in charger])
        return count / (time.perf_counter() - began) * api.mean / concurrency


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    options = argparse.ArgumentParser("python -m benchmarks pacing", description=__doc__)
    options.add_argument("--jobs", type=int, default=4_000)
    options.add_argument("--concurrency", type=int, default=100)
    given = options.parse_args(arguments)
    for name, wishes in {
        "in a block": {},
        "in rounds": {"in_block": False},
        "resumed": {"in_doubt": IN_DOUBT},
        "30 % late": {"late": LATE_SHARE},
    }.items():
        share = asyncio.run(_charge(given.jobs, given.concurrency, **wishes))  # type: ignore[arg-type]
        print(f"{name:12} {share:6.0%} of what is possible", flush=True)
