"""Faults on demand, in process."""

from typing import Any

import anyio
import httpx
import pytest

from nexi_async.emulator import CheckoutEmulator, InjectedFault
from tests.emulator.raw import Wire, hosted


async def test_lost_answer_has_its_effect(wire: Wire, emulator: CheckoutEmulator) -> None:
    """The connection breaks, the payment is there."""
    emulator.set_faults([InjectedFault(fault="lose_response", method="post", path="/v1/payments")])
    with pytest.raises(httpx.ReadError):
        await wire.post("/v1/payments", hosted())
    assert len(emulator.state()["payments"]) == 1


async def test_cut_answer_has_its_effect(wire: Wire, emulator: CheckoutEmulator) -> None:
    """In process a cut response is a broken connection too."""
    emulator.set_faults([InjectedFault(fault="cut", after_bytes=3)])
    with pytest.raises(httpx.ReadError):
        await wire.post("/v1/payments", hosted())
    assert len(emulator.state()["payments"]) == 1


@pytest.mark.parametrize(("status", "retry_after"), [(500, None), (429, "7"), (503, "7")])
async def test_status_has_no_effect(
    wire: Wire, emulator: CheckoutEmulator, status: int, retry_after: str | None
) -> None:
    """The status is answered, 429 and 503 with Retry-After, and nothing happened."""
    emulator.set_faults([InjectedFault(fault="status", status=status, seconds=7)])
    response = await wire.post("/v1/payments", hosted())
    assert (response.status_code, response.headers.get("Retry-After")) == (status, retry_after)
    if status == 500:
        assert response.json().keys() == {"message", "code", "source"}
    assert emulator.state()["payments"] == []


async def test_delay_counts_on_the_emulators_clock(wire: Wire, emulator: CheckoutEmulator) -> None:
    """The effect is immediate, the response comes after the delay."""
    emulator.set_faults([InjectedFault(fault="delay", seconds=60)])
    answers = []

    async def create() -> None:
        answers.append(await wire.post("/v1/payments", hosted()))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(create)
        await anyio.wait_all_tasks_blocked()
        assert not answers
        assert len(emulator.state()["payments"]) == 1
        emulator.advance(60)
    assert answers[0].status_code == 201


async def test_times_and_order(wire: Wire, emulator: CheckoutEmulator) -> None:
    """The first fault that matches applies, at most `times` times, then the next, then none."""
    emulator.set_faults(
        [
            InjectedFault(fault="status", method="GET", path="*"),
            InjectedFault(fault="status", path="/V1/*", status=500, times=1),
            InjectedFault(fault="status", path="/v1/payments", status=502, times=1),
        ]
    )
    statuses = [(await wire.post("/v1/payments", hosted())).status_code for _ in range(3)]
    assert statuses == [500, 502, 201]


async def test_rate(wire: Wire, emulator: CheckoutEmulator) -> None:
    """Half of the calls fail, more or less, and the seed decides which."""
    emulator.set_faults([InjectedFault(fault="status", rate=0.5)])
    statuses = [(await wire.get("/v1/payments/x")).status_code for _ in range(40)]
    assert 8 < statuses.count(500) < 32
    assert statuses.count(404) == 40 - statuses.count(500)


@pytest.mark.parametrize(
    "members",
    [
        {"fault": "other"},
        {"fault": "status", "status": 200},
        {"fault": "delay", "seconds": -1},
        {"fault": "delay", "rate": 2},
        {"fault": "delay", "times": -1},
        {"fault": "cut", "after_bytes": -1},
        {"fault": "delay", "rate": "often"},
    ],
)
def test_impossible_faults(members: dict[str, Any]) -> None:
    """What cannot be is refused when the fault is made."""
    with pytest.raises((ValueError, TypeError)):
        InjectedFault(**members)
