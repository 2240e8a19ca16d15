"""Tests of nexi_async.batch._job."""

from __future__ import annotations

from typing import Any

import pytest

from nexi_async import Notifications, Order, OrderItem
from nexi_async.batch import ChargeJob
from nexi_async.batch._job import faults_of
from tests.batch.support import order


def test_a_job_with_one_id_is_good() -> None:
    """Each of the three ids will do."""
    for name in ("subscription_id", "unscheduled_subscription_id", "external_reference"):
        given: dict[str, Any] = {name: "x"}
        assert faults_of(ChargeJob(reference="1", order=order(), **given)) == []


@pytest.mark.parametrize("ids", [{}, {"subscription_id": "a", "external_reference": "b"}])
def test_a_job_needs_exactly_one_id(ids: dict[str, Any]) -> None:
    """None would charge no subscription, two would leave open which."""
    (fault,) = faults_of(ChargeJob(reference="1", order=order(), **ids))

    assert fault.path == "subscription_id"


@pytest.mark.parametrize("reference", ["", " 1", "a\nb", "x" * 129])
def test_a_reference_is_a_word_of_one_line(reference: str) -> None:
    """It travels in files, tables and reports."""
    (fault,) = faults_of(ChargeJob(reference=reference, order=order(), subscription_id="s"))

    assert fault.path == "reference"


def test_every_rule_of_the_order_holds() -> None:
    """A job that the API would refuse is refused when it is planned."""
    free = Order(items=[OrderItem.of(reference="a", name="a", unit_price=0)], amount=0, currency="SEK")

    (fault,) = faults_of(ChargeJob(reference="1", order=free, subscription_id="s"))

    assert str(fault) == "order.amount: must be greater than 0"


def test_what_is_no_job_is_a_fault() -> None:
    """A wrong value among the jobs is a fault, not an exception."""
    assert str(faults_of("job")[0]) == "must be a ChargeJob, is str"


def test_the_request_holds_what_travels() -> None:
    """Order, notifications and my_reference; not the job's own name."""
    hooks = Notifications.to("https://shop.example/h", authorization="abcdefgh", events=["payment.charge.created.v2"])
    job = ChargeJob(reference="1", order=order(), subscription_id="s", my_reference="mine", notifications=hooks)

    assert (job.request.order, job.request.my_reference, job.request.notifications) == (order(), "mine", hooks)
