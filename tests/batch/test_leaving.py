"""Leaving results early: however the loop is left, no charge runs on.

In the suite with six leaving points; with NEXI_TEST_FULL=1 with 500 on each of asyncio and trio.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path

import anyio
import httpx
import pytest

from nexi_async import AsyncCheckout
from nexi_async.batch import BatchCharger, JobResult, JobState
from nexi_async.emulator import InjectedFault
from tests.batch.processes import EmulatorProcess, batch
from tests.batch.support import SWIFT, Shop, open_shop

POINTS, JOBS = (500, 60) if os.environ.get("NEXI_TEST_FULL") == "1" else (6, 30)


class SlowTransport(httpx.ASGITransport):
    """The emulator, a few milliseconds away; counts the charges that begin and those under way."""

    begun = under_way = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.begun += 1
        self.under_way += 1
        try:
            await anyio.sleep(random.uniform(0, 0.004))
            return await super().handle_async_request(request)
        finally:
            self.under_way -= 1


class LeftOnPurpose(Exception):
    """What the body of a loop may raise."""


@asynccontextmanager
async def slow_charger(shop: Shop, concurrency: int) -> AsyncIterator[tuple[BatchCharger, SlowTransport]]:
    """A charger of a slow API, and what knows how many charges have begun."""
    transport = SlowTransport(app=shop.emulator)
    async with AsyncCheckout(
        shop.emulator.secret_key, base_url="https://emulator.test", transport=transport, retry=SWIFT
    ) as checkout:
        yield BatchCharger(checkout, shop.ledger, run="r", concurrency=concurrency), transport


async def take(results: AsyncIterator[JobResult], count: int, leave: Callable[[], None] | None) -> None:
    """Read so many results, then leave: by what the function raises, or by a break."""
    async for _ in results:
        count -= 1
        if count <= 0:
            if leave is None:
                break
            leave()


def raise_it() -> None:
    """What the body of a loop may do."""
    raise LeftOnPurpose


def print_to_closed_pipe() -> None:
    """What happens to `print` behind `| head -1`."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        os.write(writer, b"result\n")
    finally:
        os.close(writer)


MANNERS: dict[str, Callable[[], None] | None] = {
    "break": None,
    "exception": raise_it,
    "closed pipe": print_to_closed_pipe,
}


async def leave(charger: BatchCharger, chance: random.Random) -> str:
    """Iterate in one of the two ways, and leave in one of five; returns how."""
    manner = chance.choice(["cancellation", "aclose", *MANNERS])
    in_block, count = chance.random() < 0.5, chance.randint(1, JOBS - 5)
    with anyio.CancelScope() as scope, suppress(LeftOnPurpose, BrokenPipeError):
        if manner == "cancellation":
            scope.deadline = anyio.current_time() + chance.uniform(0, 0.08)
            count = JOBS * 2
        if in_block:
            async with charger as results:
                await take(results, count, MANNERS.get(manner))
        elif manner == "aclose":
            async with aclosing(aiter(charger)) as results:  # type: ignore[type-var]  # it has aclose
                await take(results, count, None)
        else:
            await take(aiter(charger), count, MANNERS.get(manner))
    return manner


async def leave_and_look(shop: Shop, chance: random.Random) -> None:
    """Leave, and see that all is well; then charge the rest."""
    await shop.ledger.plan("r", shop.jobs(JOBS))
    async with slow_charger(shop, chance.choice([1, 5, 20])) as (charger, transport):
        manner = await leave(charger, chance)

        begun = transport.begun
        assert transport.under_way == 0
        await anyio.sleep(0.01)  # the scope of the caller is sound
        assert transport.begun == begun
        booked = shop.charged()
        states = {result.reference: result.state async for result in shop.ledger.results("r")}
        charged = {name for name, state in states.items() if state is JobState.CHARGED}
        assert charged <= set(booked)
        if manner != "cancellation":  # that leaves in doubt what was under way
            assert charged == set(booked)
            assert set(states.values()) <= {JobState.CHARGED, JobState.PLANNED}
    await shop.charge()
    assert shop.charged() == Counter({f"job-{n}": 1 for n in range(JOBS)})


@pytest.mark.timeout(900)
@pytest.mark.slow
async def test_wherever_the_loop_is_left_no_charge_runs_on(tmp_path: Path) -> None:
    """By break, exception, cancellation, aclose or a closed pipe, anywhere; afterwards emulator and ledger agree."""
    for seed in range(POINTS):
        async with open_shop(f"sqlite:///{tmp_path / f'{seed}.db'}") as shop:
            await leave_and_look(shop, random.Random(seed))


async def test_what_the_body_raises_comes_out_as_it_is(shop: Shop) -> None:
    """Not in a group, nor as an error about scopes."""
    await shop.ledger.plan("r", shop.jobs(30))

    with pytest.raises(LeftOnPurpose):
        async with shop.charger(concurrency=1) as results:
            await take(results, 5, raise_it)
    with pytest.raises(LeftOnPurpose):
        await take(aiter(shop.charger()), 5, raise_it)


async def test_while_the_body_of_a_plain_loop_runs_nothing_is_under_way(shop: Shop) -> None:
    """So it may be left in any way."""
    await shop.ledger.plan("r", shop.jobs(30))
    async with slow_charger(shop, 10) as (charger, transport):
        async for _ in charger:
            assert transport.under_way == 0


async def test_a_block_charges_while_the_body_works(shop: Shop) -> None:
    """More than the one result that was looked at."""
    await shop.ledger.plan("r", shop.jobs(300))
    async with slow_charger(shop, 2) as (charger, transport), charger as results:
        async for _ in results:
            begun = transport.begun
            with anyio.fail_after(20):
                while transport.begun == begun:  # noqa: ASYNC110 - there is nothing to wait on
                    await anyio.sleep(0.01)
            break


async def test_leaving_a_block_does_not_wait_for_ever(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Charges still under way then are cancelled, and looked up when the run is continued."""
    monkeypatch.setattr("nexi_async.batch._charger.EXIT_TIMEOUT_SECONDS", 0.2)
    await shop.ledger.plan("r", shop.jobs(20))
    shop.emulator.set_faults(
        [InjectedFault(fault="delay", seconds=60, method="POST", rate=0.2)]
    )  # its clock stands still
    with anyio.fail_after(10):
        async with shop.charger(concurrency=5) as results:
            async for _ in results:
                break
    shop.emulator.set_faults([])
    shop.emulator.clock.advance(120)

    await shop.charge()
    assert shop.charged() == Counter({f"job-{n}": 1 for n in range(20)})


@pytest.mark.slow
async def test_a_block_can_be_entered_again(shop: Shop) -> None:
    """What was left is charged then, at the pace that was found."""
    await shop.ledger.plan("r", shop.jobs(300))
    async with slow_charger(shop, 2) as (charger, _):
        async with charger as results:
            async for _ in results:
                break
        assert shop.charged().total() < 300
        async with charger as results:
            async for _ in results:
                pass

    assert shop.charged() == Counter({f"job-{n}": 1 for n in range(300)})


async def test_a_charger_does_one_thing_at_a_time(shop: Shop) -> None:
    """A second block within the first is refused."""
    await shop.ledger.plan("r", shop.jobs(1))
    charger = shop.charger()
    async with charger:
        with pytest.raises(RuntimeError, match="is in use already"):
            await charger.__aenter__()


PRINTING = """
import os, sys, anyio
from nexi_async import AsyncCheckout
from nexi_async.batch import BatchCharger, Ledger

async def main():
    async with AsyncCheckout() as checkout, Ledger.open(os.environ["NEXI_LEDGER"]) as ledger:
        try:
            async for result in BatchCharger(checkout, ledger, run="r"):
                print(result.reference * 1000, flush=True)  # more than a pipe holds
        except BrokenPipeError:
            await anyio.sleep(0.05)
            sys.stderr.write("all is well")
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

anyio.run(main, backend=sys.argv[1])
"""


@pytest.mark.slow
def test_a_closed_pipe_ends_the_loop(tmp_path: Path, anyio_backend_name: str, emulator: EmulatorProcess) -> None:
    """`python charge.py | head -1`: the program gets its error, and every job is charged once in the end."""
    environment = {**emulator.environment, "NEXI_LEDGER": f"sqlite:///{tmp_path / 'ledger.db'}"}
    lines = [f"job-{n},{id_},SEK,9900,Box" for n, id_ in enumerate(emulator.sign_up(100))]
    (tmp_path / "jobs.csv").write_text("\n".join(["reference,subscription_id,currency,amount,name", *lines]))
    assert batch(environment, "plan", str(tmp_path / "jobs.csv"), "--run", "r").exit_code == 0
    command = [sys.executable, "-c", PRINTING, anyio_backend_name]
    program = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert program.stdout is not None
    assert program.stderr is not None
    program.stdout.readline()
    program.stdout.close()
    assert program.stderr.read() == "all is well"
    assert program.wait(30) == 0
    program.stderr.close()
    assert batch(environment, "run", "--run", "r").exit_code == 0
    assert emulator.charged() == Counter({f"job-{n}": 1 for n in range(100)})
