"""Idempotency keys over the wire."""

import anyio
import pytest

from nexi_async.emulator import CheckoutEmulator, InjectedFault, Settings
from tests.emulator.raw import Wire, item, order


async def test_same_key_has_one_effect(wire: Wire) -> None:
    """A repeated charge gets the same status and body, and the money is taken once."""
    payment_id = await wire.reserved()
    body = {"amount": 5000, "orderItems": [item(5000)]}
    first = await wire.post(f"/v1/payments/{payment_id}/charges", body, Idempotency_Key="k")
    second = await wire.post(f"/v1/payments/{payment_id}/charges", body, Idempotency_Key="k")
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert (await wire.summary(payment_id))["chargedAmount"] == 5000


async def test_other_amount_is_1026(wire: Wire) -> None:
    """A key that was used for another amount of a charge is refused with 1026."""
    payment_id = await wire.reserved()
    for amount in (5000, 6000):
        body = {"amount": amount, "orderItems": [item(amount)]}
        response = await wire.post(f"/v1/payments/{payment_id}/charges", body, Idempotency_Key="k")
    assert (response.status_code, response.json()["code"]) == (402, "1026")


async def test_other_refund_amount_is_1027(wire: Wire) -> None:
    """A key that was used for another amount of a refund is refused with 1027."""
    _, charge_id = await wire.charged()
    for amount in (5000, 6000):
        body = {"amount": amount, "orderItems": [item(amount)]}
        response = await wire.post(f"/v1/charges/{charge_id}/refunds", body, Idempotency_Key="k")
    assert (response.status_code, response.json()["code"]) == (402, "1027")


async def test_keys_count_within_one_path(wire: Wire) -> None:
    """The same key for two payments is two charges."""
    for payment_id in (await wire.reserved(), await wire.reserved()):
        response = await wire.post(f"/v1/payments/{payment_id}/charges", {"amount": 12500}, Idempotency_Key="k")
        assert response.status_code == 201


async def test_rejection_is_replayed(wire: Wire) -> None:
    """A declined charge gets its 402 again with the same key, even when it would now work."""
    payment_id = await wire.create()
    path = f"/v1/payments/{payment_id}/charges"
    await wire.post(path, {"amount": 12500}, Idempotency_Key="k")
    await wire.post(f"/emulator/payments/{payment_id}/pay")
    assert (await wire.post(path, {"amount": 12500}, Idempotency_Key="k")).json()["code"] == "1003"
    assert (await wire.post(path, {"amount": 12500}, Idempotency_Key="k2")).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 65])
async def test_key_length(wire: Wire, key: str) -> None:
    """Keys have 1 to 64 characters."""
    response = await wire.post(f"/v1/payments/{'0' * 32}/charges", {"amount": 1}, Idempotency_Key=key)
    assert response.status_code == 400
    assert "Idempotency-Key" in response.json()["errors"]


async def test_concurrent_repeat_is_409(wire: Wire, emulator: CheckoutEmulator) -> None:
    """While the first response is held back a repeat is 409 and the status is not completed."""
    (subscription,) = emulator.sign_up(1)
    emulator.set_faults([InjectedFault(fault="delay", path="*/charges", seconds=10, times=1)])
    path, body = f"/v1/subscriptions/{subscription}/charges", {"order": order()}
    answers = []

    async def first() -> None:
        answers.append(await wire.post(path, body, Idempotency_Key="k"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(first)
        await anyio.wait_all_tasks_blocked()
        assert (await wire.post(path, body, Idempotency_Key="k")).status_code == 409
        status = await wire.get(f"{path}/status", Idempotency_Key="k")
        assert status.json()["completed"] is False
        emulator.advance(10)
    repeat = await wire.post(path, body, Idempotency_Key="k")
    assert answers[0].json() == repeat.json()
    status = await wire.get(f"{path}/status", Idempotency_Key="k")
    assert status.json() == {**repeat.json(), "completed": True}


async def test_rejections_are_tried_anew_on_demand(wire: Wire, emulator: CheckoutEmulator) -> None:
    """With `replay_rejections` off a key is free again after a 4xx."""
    emulator.settings = Settings(replay_rejections=False)
    payment_id = await wire.create()
    path = f"/v1/payments/{payment_id}/charges"
    assert (await wire.post(path, {"amount": 12500}, Idempotency_Key="k")).status_code == 402
    emulator.pay(payment_id)
    assert (await wire.post(path, {"amount": 12500}, Idempotency_Key="k")).status_code == 201


async def test_keys_are_forgotten_on_demand(wire: Wire, emulator: CheckoutEmulator) -> None:
    """After its life time a key charges again."""
    emulator.settings = Settings(key_lifetime_hours=1)
    (subscription,) = emulator.sign_up(1)
    path = f"/v1/subscriptions/{subscription}/charges"
    for _ in range(2):
        await wire.post(path, {"order": order()}, Idempotency_Key="k")
    assert len(emulator.state()["payments"]) == 1
    emulator.advance(3600)
    await wire.post(path, {"order": order()}, Idempotency_Key="k")
    assert len(emulator.state()["payments"]) == 2


async def test_a_charge_is_forgotten_with_its_key(wire: Wire, emulator: CheckoutEmulator) -> None:
    """After a day by default: then its status is not found, though the charge has happened."""
    (subscription,) = emulator.sign_up(1)
    path = f"/v1/subscriptions/{subscription}/charges"
    await wire.post(path, {"order": order()}, Idempotency_Key="k")
    emulator.advance(24 * 3600 - 1)
    assert (await wire.get(f"{path}/status", Idempotency_Key="k")).status_code == 200
    emulator.advance(1)
    assert (await wire.get(f"{path}/status", Idempotency_Key="k")).status_code == 404


async def test_a_key_does_not_help_a_broken_body(wire: Wire) -> None:
    """A body that is no object is a 400, with a key too."""
    response = await wire.post(f"/v1/payments/{'0' * 32}/charges", [1], Idempotency_Key="k")
    assert response.status_code == 400
