"""Scenarios: what happens in a simulation, generated from a seed, and simplified when one fails."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

import attrs

from tests.simulation.database import DatabaseFaults
from tests.simulation.network import NetworkConditions

ActionName: TypeAlias = Literal[
    "kill charger",
    "suspend charger",
    "suspend charger past key lifetime",
    "kill charger and stay away past key lifetime",
    "start second charger",
    "leave results",
    "cancel charger",
    "stop charger",
    "step clock",
    "kill receiver",
    "suspend receiver",
    "network down",
    "database away",
    "api away",
]
Strategy: TypeAlias = Literal["individual", "bulk"]
SubscriptionKind: TypeAlias = Literal["scheduled", "unscheduled", "imported"]


@attrs.frozen(kw_only=True)
class Action:
    """Something that is done to the system at some time.

    Attributes:
        at: seconds after the simulation began.
        name: what.
        slot: which of the chargers or receivers is meant.
        seconds: for how long, or by how much.
    """

    at: float
    name: ActionName
    slot: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"at {self.at:.3f} s: {self.name} (slot {self.slot}, {self.seconds:.3f} s)"


@attrs.frozen(kw_only=True)
class Scenario:
    """Everything that a seed decides beforehand.

    Attributes:
        seed: decides everything else: delays, odds, ids.
        jobs: how many subscriptions are charged in the run.
        shoppers: how many buy something meanwhile.
        chargers: how many processes charge the run.
        receivers: how many processes work through the inbox.
        concurrency: how many charges each charger has under way.
        rate: charges a second of each charger; None for no limit.
        strategy: how the run is charged.
        subscriptions: what is charged; imported ones are known by their external reference alone.
        declined: the share of jobs that the issuer declines.
        notified: the share of jobs whose events are delivered.
        lost_answers: how often the API does what was asked and its answer is lost.
        api_errors: how often the API answers 429, 500 or 503 instead.
        duplicated_events: how often an event is sent twice.
        shuffle: by how many seconds events overtake each other.
        handler_failures: how often a handler raises.
        network: the network's conditions.
        database: the faults of the databases.
        actions: what is done when, in order.
    """

    seed: int
    jobs: int
    shoppers: int = 0
    chargers: int = 1
    receivers: int = 1
    concurrency: int = 8
    rate: float | None = None
    strategy: Strategy = "individual"
    subscriptions: SubscriptionKind = "scheduled"
    declined: float = 0.0
    notified: float = 0.0
    lost_answers: float = 0.0
    api_errors: float = 0.0
    duplicated_events: float = 0.0
    shuffle: float = 0.0
    handler_failures: float = 0.0
    network: NetworkConditions = attrs.field(factory=NetworkConditions)
    database: DatabaseFaults = attrs.field(factory=DatabaseFaults)
    actions: tuple[Action, ...] = ()

    def __str__(self) -> str:
        lines = [f"scenario of seed {self.seed}: {self.jobs} jobs"]
        plain = Scenario(seed=self.seed, jobs=self.jobs)
        for field in attrs.fields(Scenario):
            value = getattr(self, field.name)
            if field.name != "actions" and value != getattr(plain, field.name):
                lines.append(f"  {field.name}: {value}")
        return "\n".join([*lines, *(f"  {action}" for action in self.actions)])


_ACTIONS: tuple[tuple[ActionName, float, tuple[float, float]], ...] = (
    ("kill charger", 5, (0, 0)),
    ("suspend charger", 2, (1, 400)),
    ("suspend charger past key lifetime", 0.7, (80_000, 200_000)),
    ("kill charger and stay away past key lifetime", 0.7, (80_000, 200_000)),
    ("start second charger", 2, (0, 0)),
    ("leave results", 2, (0, 0)),
    ("cancel charger", 2, (0, 0)),
    ("stop charger", 1, (0, 0)),
    ("step clock", 1, (-7_200, 7_200)),
    ("kill receiver", 3, (0, 0)),
    ("suspend receiver", 1, (1, 200)),
    ("network down", 1, (0.1, 60)),
    ("database away", 1, (0.5, 40)),
    ("api away", 1, (0.5, 20)),
)
"""Actions, how likely each is, and the range of its seconds."""


LONG_SUSPENSIONS = 0.05
"""The share of scenarios that are about a suspension which needs several things to coincide to do harm."""


def generate(seed: int) -> Scenario:
    """The scenario of a seed."""
    chance = random.Random(f"scenario {seed}")
    draw = chance.choice
    strategy: Strategy = "bulk" if chance.random() < 0.25 else "individual"
    kinds: tuple[SubscriptionKind, ...] = ("scheduled", "scheduled", "unscheduled", "imported")
    scenario = Scenario(
        seed=seed,
        jobs=draw((3, 20, 40, 80, 120)),
        shoppers=draw((0, 1, 2, 4)),
        chargers=draw((1, 1, 2, 3)),
        receivers=draw((1, 1, 2)),
        concurrency=draw((1, 4, 8, 20)),
        rate=draw((None, None, 5.0, 50.0)) if strategy == "individual" else None,
        strategy=strategy,
        subscriptions=random.Random(f"subscriptions {seed}").choice(kinds),
        declined=draw((0.0, 0.1)),
        notified=draw((0.0, 0.1, 0.3)),
        lost_answers=draw((0.0, 0.05, 0.3)),
        api_errors=draw((0.0, 0.05, 0.3)),
        duplicated_events=draw((0.0, 0.2)),
        shuffle=draw((0.0, 5.0)),
        handler_failures=draw((0.0, 0.1, 0.5)),
        network=_network(chance),
        database=_database(chance),
        actions=_actions(chance),
    )
    return _with_long_suspension(scenario, chance) if chance.random() < LONG_SUSPENSIONS else scenario


def _with_long_suspension(scenario: Scenario, chance: random.Random) -> Scenario:
    """A charger comes back with claimed jobs after their keys were forgotten, while another one has charged them."""
    name: ActionName = "suspend charger past key lifetime"
    action = Action(at=chance.uniform(0.1, 1.0), name=name, seconds=chance.uniform(90_000, 200_000))
    return attrs.evolve(scenario, jobs=40, chargers=2, strategy="individual", rate=5.0, actions=(action,))


def _network(chance: random.Random) -> NetworkConditions:
    if chance.random() < 0.2:
        return NetworkConditions()
    draw = chance.choice
    return NetworkConditions(
        delay=draw((0.001, 0.02, 0.5)),
        slow=draw((0.0, 0.0, 0.02)),
        refuse=draw((0.0, 0.1)),
        hang=draw((0.0, 0.0, 0.02)),
        cut=draw((0.0, 0.05, 0.3)),
        half_open=draw((0.0, 0.0, 0.5)),
        split=draw((0.0, 0.3)),
        backpressure=draw((0.0, 0.1)),
        server_closes=draw((0.0, 0.1)),
    )


def _database(chance: random.Random) -> DatabaseFaults:
    draw = chance.choice
    return DatabaseFaults(
        slow_commit=draw((0.0, 0.0, 0.05)), busy=draw((0.0, 0.0, 0.03)), lost_commit=draw((0.0, 0.0, 0.03))
    )


def _actions(chance: random.Random) -> tuple[Action, ...]:
    actions = []
    within = chance.choice((0.5, 3.0, 20.0))
    for _ in range(chance.choice((0, 1, 2, 4, 8))):
        name, _, (least, most) = chance.choices(_ACTIONS, [weight for _, weight, _ in _ACTIONS])[0]
        at = chance.uniform(0, within)
        actions.append(Action(at=at, name=name, slot=chance.randrange(3), seconds=chance.uniform(least, most)))
    return tuple(sorted(actions, key=lambda action: action.at))


def simplifications(scenario: Scenario) -> Iterator[Scenario]:
    """Scenarios with less in them, the greatest cuts first; one that still fails is easier to understand."""
    yield from _with_fewer_actions(scenario)
    plain = Scenario(seed=scenario.seed, jobs=scenario.jobs)
    for name in _differences(scenario, plain, but=("actions", "concurrency")):
        yield attrs.evolve(scenario, **{name: getattr(plain, name)})
    for name in _differences(scenario.network, plain.network):
        yield attrs.evolve(scenario, network=attrs.evolve(scenario.network, **{name: getattr(plain.network, name)}))
    if scenario.jobs > 1:
        yield attrs.evolve(scenario, jobs=scenario.jobs // 2)
    if scenario.concurrency > 1:
        yield attrs.evolve(scenario, concurrency=scenario.concurrency // 2)


def _with_fewer_actions(scenario: Scenario) -> Iterator[Scenario]:
    actions, half = scenario.actions, len(scenario.actions) // 2
    if half:
        yield attrs.evolve(scenario, actions=actions[:half])
        yield attrs.evolve(scenario, actions=actions[half:])
    for place in range(len(actions)):
        yield attrs.evolve(scenario, actions=actions[:place] + actions[place + 1 :])


def _differences(one: Any, other: Any, *, but: tuple[str, ...] = ()) -> list[str]:
    names = [field.name for field in attrs.fields(type(one)) if field.name not in but]
    return [name for name in names if getattr(one, name) != getattr(other, name)]
