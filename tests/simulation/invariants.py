"""The properties that must hold when a simulation has come to rest."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

import attrs

from nexi_async.batch import ChargeJob, JobResult, JobState
from tests.simulation.patches import BEGINNING
from tests.simulation.programs import NO_EFFECT
from tests.simulation.scenario import Scenario
from tests.simulation.trace import CallRecord, HandlerRun, Trace

DECLINED_AMOUNT = 151
"""An amount in minor units that the emulated issuer declines."""
LEASING_SECONDS = 6.0
"""How long it may take from the transaction that leases an event to the start of its handler."""


@attrs.frozen(kw_only=True)
class Observed:
    """A simulation at rest.

    Attributes:
        scenario: what happened.
        trace: what was observed meanwhile.
        state: the emulator's state.
        jobs: what was planned.
        ledger: what the ledger says of each job.
        dead: id and name of every dead-lettered event.
    """

    scenario: Scenario
    trace: Trace
    state: dict[str, Any]
    jobs: Sequence[ChargeJob]
    ledger: Sequence[JobResult]
    dead: set[tuple[str, str]]


def violations(observed: Observed) -> Iterator[str]:
    """Every violated property, in words."""
    yield from _of_the_run(observed)
    yield from _of_results(observed)
    yield from _of_calls(observed)
    yield from _of_the_rate(observed)
    yield from _of_events(observed)


def _of_the_run(observed: Observed) -> Iterator[str]:
    """Every job is charged once, none is forgotten, and the ledger agrees with the API."""
    charges: dict[str, list[str]] = defaultdict(list)
    for payment in observed.state["payments"]:
        reference = payment["orderDetails"].get("reference")
        charges[reference] += [charge["chargeId"] for charge in payment.get("charges", ())]
    known = {result.reference: result for result in observed.ledger}
    for job in observed.jobs:
        made, result = charges[job.reference], known.get(job.reference)
        if len(made) > 1:
            yield f"{job.reference} was charged {len(made)} times"
        if result is None:
            yield f"{job.reference} is not in the ledger"
            continue
        expected = JobState.DECLINED if job.order.amount == DECLINED_AMOUNT else JobState.CHARGED
        if result.state is not expected:
            yield f"{job.reference} should be {expected}, the ledger says {result.state}: {result.error}"
        if result.state is JobState.CHARGED and [result.charge_id] != made:
            yield f"{job.reference}: the ledger knows the charge {result.charge_id}, the API {made}"


def _of_results(observed: Observed) -> Iterator[str]:
    """A final result that was handed out is true, and stays so."""
    known = {result.reference: result for result in observed.ledger}
    for result in observed.trace.results:
        final = known[result.reference]
        if result.state.is_final and (final.state, final.charge_id) != (result.state, result.charge_id):
            yield f"{result.reference} was handed out as {result.state}, the ledger says {final.state}"


def _of_calls(observed: Observed) -> Iterator[str]:
    """A receipt stands for one effect, refusals and what was not sent for none, whatever else happened."""
    effects = effects_in(observed.state)
    calls: dict[tuple[str, str, int], list[CallRecord]] = defaultdict(list)
    for call in observed.trace.calls:
        calls[call.kind, call.target, call.amount].append(call)
    for what, made in calls.items():
        count, outcomes = effects[what], [call.outcome for call in made if not call.has_receipt]
        if count > 1:
            yield f"{what} happened {count} times"
        if len(outcomes) < len(made) and not count:
            yield f"{what} has a receipt and never happened"
        if len(outcomes) == len(made) and count and all(outcome in NO_EFFECT for outcome in outcomes):
            yield f"{what} happened, the errors say {outcomes}"
        if made[0].outcome in NO_EFFECT and made[0].effects and made[0].is_alone:
            yield f"{what} had happened when the error said {made[0].outcome}"


def effects_in(state: dict[str, Any]) -> Counter[tuple[str, str, int]]:
    """How often each payment was created, each amount of it charged, and each refunded."""
    effects: Counter[tuple[str, str, int]] = Counter()
    for payment in state["payments"]:
        effects["create", payment["orderDetails"].get("reference"), 9900] += 1
        for kind, plural in (("charge", "charges"), ("refund", "refunds")):
            effects.update((kind, payment["paymentId"], entry["amount"]) for entry in payment.get(plural, ()))
    return effects


def _of_the_rate(observed: Observed) -> Iterator[str]:
    """No charger begins more charges than its rate allows, in any stretch of time."""
    if observed.scenario.rate is None:
        return
    for name, starts in observed.trace.starts.items():
        for before, after in pairwise(starts):
            if after - before < 1 / observed.scenario.rate - 1e-6:
                yield f"{name} began two charges within {after - before:.4f} s"
                break


def _of_events(observed: Observed) -> Iterator[str]:
    """Every event that was answered 200 is handled or dead; those of one payment one at a time, in their order."""
    acknowledged = _acknowledged(observed.state)
    handled = {run.event for run in observed.trace.handlers if run.ended is not None}
    for event in acknowledged:
        if event not in handled and event not in observed.dead:
            yield f"{event[1]} {event[0]} was answered 200, and is neither handled nor dead"
    by_payment: dict[str | None, list[HandlerRun]] = defaultdict(list)
    for run in observed.trace.handlers:
        by_payment[run.payment_id].append(run)
    for runs in by_payment.values():
        waiting = {event: stored for event, stored in acknowledged.items() if event not in observed.dead}
        yield from _out_of_order(runs, waiting)
        yield from _side_by_side(runs)


def _out_of_order(runs: list[HandlerRun], stored: dict[tuple[str, str], float]) -> Iterator[str]:
    """Handlers that began while an older event of the payment was stored and not yet handled."""
    done: dict[tuple[str, str], float] = {}
    for run in runs:
        if run.ended is not None:
            done[run.event] = min(run.ended, done.get(run.event, run.ended))
    happened = {run.event: run.happened for run in runs if run.event in stored}
    for run in runs:
        for event, since in happened.items():
            was_stored = since < run.happened and stored[event] < run.began - LEASING_SECONDS
            if was_stored and done.get(event, 1e18) > run.began and not run.was_suspended:
                yield f"{run.event} was handled at {run.began:.3f}, before {event} that was stored at {stored[event]}"


def _side_by_side(runs: list[HandlerRun]) -> Iterator[str]:
    """Handlers of one payment that ran at the same time."""
    finished = [run for run in runs if run.ended is not None and not run.was_suspended]
    for first, second in pairwise(sorted(finished, key=lambda run: run.began)):
        if first.ended is not None and second.began < first.ended:
            yield f"{first.event} and {second.event} of one payment were handled at the same time"


def _acknowledged(state: dict[str, Any]) -> dict[tuple[str, str], float]:
    """When each event was first answered 200, in virtual seconds."""
    found: dict[tuple[str, str], float] = {}
    for delivery in state["deliveries"]:
        for attempt in delivery["attempts"]:
            if attempt["result"] == 200:
                at = datetime.fromisoformat(attempt["at"]).timestamp() - BEGINNING
                key = (delivery["eventId"], delivery["event"])
                found[key] = min(at, found.get(key, at))
    return found
