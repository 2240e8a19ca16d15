"""One simulation: the shipped code in simulated processes, through one scenario.

    api          `CheckoutEmulator`
    charger-n    `AsyncCheckout`, `Ledger` and `BatchCharger`, started again whenever it has ended or died
    receiver-n   `WebhookReceiver` with its inbox, likewise
    shop-n       payments are created, paid, charged and refunded, with second clicks and time limits

After the scenario's actions all faults end; what is open then is finished, and the properties are checked.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import random
import sqlite3
import sys
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import copy_context
from pathlib import Path
from typing import Any

import anyio
import attrs

from nexi_async import InvalidRequest, NexiError
from nexi_async._idempotency import MARGIN
from nexi_async.batch import ChargeJob, JobResult, JobState, Ledger
from nexi_async.batch._ledger.claims import ClaimedJob
from nexi_async.emulator import CheckoutEmulator, Clock, InjectedFault, Settings
from nexi_async.webhooks import SQLInbox
from tests.simulation import patches, programs
from tests.simulation.database import DatabaseFaults, InlineThreads
from tests.simulation.event_loop import TaskKind, VirtualLoop
from tests.simulation.http_server import NetworkTransport, serve
from tests.simulation.invariants import DECLINED_AMOUNT, Observed, effects_in, violations
from tests.simulation.network import Network, NetworkConditions
from tests.simulation.processes import CURRENT, Process
from tests.simulation.programs import RECEIVER, RUN, ChargerProgram, ReceiverProgram, ShopProgram
from tests.simulation.scenario import Action, Scenario
from tests.simulation.trace import CallRecord, Trace

API = ("127.0.0.1", 8400)
AMOUNT = 9900
LONG = 1_000.0
TIMEOUT = 86_400.0
"""Virtual seconds in which shoppers must have ended, and everything come to rest when there are no more faults."""
RESTART_BACKOFF = 2.0
"""By how much longer a program is not started again each time; virtual days may pass."""
_JOB = "SELECT state, fence FROM nexi_batch_jobs WHERE run = (SELECT id FROM nexi_batch_runs) AND reference = ?"

Program = Callable[[], Coroutine[Any, Any, None]]


class Simulation:
    """Runs one scenario.

    Args:
        scenario: what happens.
        folder: where the databases are made; empty.
        tasks: which implementation of asyncio's tasks to use.
    """

    api_url = f"http://{API[0]}:{API[1]}"

    def __init__(self, scenario: Scenario, folder: Path, tasks: TaskKind = "C") -> None:
        patches.clocks_in_defaults()  # before they are out of the collector's sight
        gc.freeze()  # what is there already needs no looking through afterwards
        self.scenario = scenario
        self.trace = Trace()
        self.chance = random.Random(f"simulation {scenario.seed}")
        self.network = Network(random.Random(f"network {scenario.seed}"), self.log)
        self.loop = VirtualLoop(self.network, tasks)
        self.ledger_url = f"sqlite:///{folder / 'ledger.db'}"
        self.inbox_url = f"sqlite:///{folder / 'inbox.db'}"
        self._threads = InlineThreads(random.Random(f"database {scenario.seed}"))
        self._api = Process("api")
        self._chargers: dict[int, tuple[Process, ChargerProgram]] = {}
        self._receivers: dict[int, tuple[Process, ReceiverProgram]] = {}
        self._observer: sqlite3.Connection | None = None
        self._programs: dict[Process, ChargerProgram] = {}
        self.undecided: Counter[str | None] = Counter()
        """How many attempts with each key may have had an effect, as far as their senders know."""
        self._absences: dict[str, float] = {}
        self._is_calm = False
        self._is_over = False
        self._long_waits = 0
        self._numbers = itertools.count(1)

    def run(self) -> Trace:
        """Run it to the end."""
        gc.disable()  # when garbage is found is no part of the seed
        try:
            with patches.patched(self.loop, self.scenario.seed, self._threads, self._note_start):
                self._run_loop()
        finally:
            self._dispose()
            gc.unfreeze()
            gc.enable()
        return self.trace

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_until_complete(self._run_all())
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever ended it belongs to the trace
            self.log("".join(traceback.format_exception(error)))
            self.violate(f"the simulation ended: {error!r}")
        self.trace.virtual_seconds = self.loop.time()

    def _dispose(self) -> None:
        """Let go of what dead processes left, whose coroutines complain that they are finalised."""
        asyncio.set_event_loop(None)
        self.loop.close()
        if self._observer is not None:
            self._observer.close()
        patches.forget_tasks(self.loop)
        self.loop.forget()
        before, sys.unraisablehook = sys.unraisablehook, lambda _: None
        try:
            trace = self.trace
            vars(self).clear()
            self.trace = trace
            gc.collect()
            gc.collect()  # the first time finalises coroutines, which may bring others back to life for a moment
        finally:
            sys.unraisablehook = before

    def log(self, text: str) -> None:
        """Write a line of the trace."""
        process = CURRENT.get()
        self.trace.lines.append(f"{self.loop.time():14.6f} {process.name if process else '-':12} {text}")

    def violate(self, text: str) -> None:
        """Note that a property was violated."""
        self.log(f"VIOLATION: {text}")
        self.trace.violations.append(text)

    def handler_fails(self) -> bool:
        """Whether a handler fails this time."""
        return not self._is_calm and self.chance.random() < self.scenario.handler_failures

    def count_effects(self, call: CallRecord) -> int:
        """How often the API has done what a call asks for."""
        return effects_in(self.emulator.state())[call.kind, call.target, call.amount]

    def look_up(self, reference: str) -> tuple[str, int]:
        """Where a job stands on disk, and the number of its last claim; asked past the shipped code."""
        [(state, fence)] = self._ask_ledger(_JOB, reference)
        return str(state), int(fence)

    def _ask_ledger(self, statement: str, *values: str) -> list[Any]:
        if self._observer is None:
            self._observer = sqlite3.connect(self.ledger_url.removeprefix("sqlite:///"))
        return self._observer.execute(statement, values).fetchall()

    def _note_start(self, job: ClaimedJob) -> None:
        process = CURRENT.get()
        assert process is not None
        self.trace.starts[process.name].append(self.loop.time())
        self._programs[process].note_start(job)
        self.log(f"charges {job.reference}")

    # --- processes -------------------------------------------------------------------------------------------------

    async def _run(self, process: Process, program: Program) -> None:
        """Run a program in a process, until it has ended or the process is dead."""
        over = asyncio.Event()
        context = copy_context()
        process.on_death.append(lambda: self.loop.call_soon(over.set, context=context))
        task = self.loop.create_task(program(), context=process.context())
        task.add_done_callback(lambda _: over.set(), context=context)
        self.log(f"{process.name} starts")
        await over.wait()
        if not process.is_dead:
            await asyncio.sleep(0.001)
            self._check_end(process, task)

    def _check_end(self, process: Process, task: asyncio.Task[None]) -> None:
        """What a program has raised is expected, and nothing of it is left."""
        error = None if task.cancelled() else task.exception()
        self.log(f"{process.name} ended{f' by {type(error).__name__}: {str(error)[:150]}' if error else ''}")
        if error is not None and (self._is_calm or not isinstance(error, NexiError)) and not _is_lease_held(error):
            self.violate(f"{process.name} failed: {error!r}")
        left = [one for one in process.tasks if not one.done()]
        timers = self.loop.timers_of(process)
        ends = self.network.opened_by(process)
        if left or timers or ends:
            names = [getattr(one.get_coro(), "__qualname__", "?") for one in left]
            self.violate(f"{process.name} left tasks {names}, {len(timers)} timers {timers[:2]}, {ends} connections")

    async def _keep_running(self, name: str, slot: int, start: Callable[[Process], Program]) -> None:
        """Start a program again a while after it has ended, until all is calm."""
        for number in itertools.count():
            if self._is_over:
                return
            process = Process(f"{name}-{slot}.{number}")
            await self._run(process, start(process))
            if self._is_calm:
                return
            absence = self._absences.pop(process.name, 0.0)
            await self._pass_time(absence + self.chance.uniform(0.1, 10) * RESTART_BACKOFF**number)

    def _start_charger(self, slot: int) -> Callable[[Process], Program]:
        def start(process: Process) -> Program:
            program = self._new_charger(process)
            self._chargers[slot] = (process, program)
            return program

        return start

    def _new_charger(self, process: Process) -> ChargerProgram:
        program = self._programs[process] = ChargerProgram(self, in_block=self.chance.random() < 0.5)
        return program

    def _start_receiver(self, slot: int) -> Callable[[Process], Program]:
        def start(process: Process) -> Program:
            program = ReceiverProgram(self, RECEIVER[1] + slot)
            self._receivers[slot] = (process, program)
            return program

        return start

    # --- the course of it ------------------------------------------------------------------------------------------

    async def _run_all(self) -> None:
        scenario = self.scenario
        self.emulator = CheckoutEmulator(
            seed=scenario.seed,
            clock=Clock(start=patches.BEGINNING, tick=self.loop.time),
            settings=Settings(
                key_lifetime_hours=24,
                event_duplicate_rate=scenario.duplicated_events,
                event_shuffle_seconds=scenario.shuffle,
                delivery_retry_delays=(1, 2, 5, 10, 30, 60, 120, 300, 600),
            ),
            webhook_transport=NetworkTransport(self.network),
        )
        serve(self.network, self.emulator, API, self._api, lambda *facts: self.log(" ".join(map(str, facts))))
        self.loop.create_task(self._deliver(), context=self._api.context())
        self.jobs = self._jobs()
        await self._plan()
        self._begin_faults()
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            for slot in range(scenario.receivers):
                tasks.create_task(self._keep_running("receiver", slot, self._start_receiver(slot)))
            for slot in range(scenario.chargers):
                tasks.create_task(self._keep_running("charger", slot, self._start_charger(slot)))
            shopping = [
                tasks.create_task(self._run(Process(f"shop-{number}"), ShopProgram(self, number)))
                for number in range(scenario.shoppers)
            ]
            await self._act()
            with anyio.fail_after(TIMEOUT):
                for one in shopping:
                    await one
            await self._come_to_rest()

    async def _deliver(self) -> None:
        async with self.emulator:
            await asyncio.sleep(programs.FOR_EVER)

    def _jobs(self) -> list[ChargeJob]:
        return [
            ChargeJob(
                reference=f"job-{number}",
                **whose,
                order=programs.order(f"job-{number}", self._amount()),
                notifications=programs.notifications(programs.EVENTS[1])
                if self.chance.random() < self.scenario.notified
                else None,
            )
            for number, whose in enumerate(self._subscriptions())
        ]

    def _subscriptions(self) -> list[dict[str, str]]:
        """Which subscription each job charges, as an argument of the job."""
        count = self.scenario.jobs
        if self.scenario.subscriptions == "unscheduled":
            return [{"unscheduled_subscription_id": id_} for id_ in self.emulator.sign_up(count, kind="unscheduled")]
        if self.scenario.subscriptions == "imported":
            self.emulator.sign_up(count, external_references=True)
            return [{"external_reference": f"imported-{number}"} for number in range(1, count + 1)]
        return [{"subscription_id": id_} for id_ in self.emulator.sign_up(count)]

    def _amount(self) -> int:
        return DECLINED_AMOUNT if self.chance.random() < self.scenario.declined else AMOUNT

    async def _plan(self) -> None:
        async def plan() -> None:
            async with Ledger.open(self.ledger_url) as ledger:
                await ledger.plan(RUN, self.jobs)

        await self._run(Process("planner"), plan)

    def _begin_faults(self) -> None:
        self.network.conditions = self.scenario.network
        self._threads.faults = self.scenario.database
        charges = "/v1/*charges*"
        rate = self.scenario.api_errors / 3
        self.emulator.set_faults(
            [InjectedFault(fault="lose_response", method="POST", path=charges, rate=self.scenario.lost_answers)]
            + [
                InjectedFault(fault="status", status=status, path=charges, rate=rate, seconds=1)
                for status in (429, 500, 503)
            ]
        )

    async def _act(self) -> None:
        """Perform the actions, each at its time."""
        async with asyncio.TaskGroup() as tasks:
            for action in self.scenario.actions:
                await asyncio.sleep(max(0.0, action.at - self.loop.time()))
                self.log(f"action: {action}")
                tasks.create_task(self._perform(action))

    async def _perform(self, action: Action) -> None:
        match action.name:
            case "database away":
                await self._database_away(action.seconds)
            case "api away":
                await self._network_down(self._api, action.seconds)
            case "start second charger":
                process = Process(f"second charger {next(self._numbers)}")
                self._tasks.create_task(self._run(process, self._new_charger(process)))
            case "kill receiver" | "suspend receiver":
                await self._perform_on_receiver(action, *self._receivers[action.slot % self.scenario.receivers])
            case _:
                await self._perform_on_charger(action, *self._chargers[action.slot % self.scenario.chargers])

    async def _perform_on_receiver(self, action: Action, process: Process, _: ReceiverProgram) -> None:
        if action.name == "kill receiver":
            process.kill()
        else:
            await self._suspend(process, action.seconds)

    async def _perform_on_charger(self, action: Action, process: Process, program: ChargerProgram) -> None:
        match action.name:
            case "kill charger" | "kill charger and stay away past key lifetime":
                self._absences[process.name] = action.seconds
                process.kill()
            case "suspend charger" | "suspend charger past key lifetime":
                await self._suspend(process, action.seconds)
            case "leave results":
                program.is_leaving = True
            case "cancel charger":
                self.loop.call_soon(process.tasks[0].cancel, context=process.context())
            case "stop charger":
                program.stop()
            case "step clock":
                process.clock_offset += action.seconds
            case "network down":
                await self._network_down(process, action.seconds)

    async def _database_away(self, seconds: float) -> None:
        self._threads.faults = attrs.evolve(self._threads.faults, is_away=True)
        await asyncio.sleep(seconds)
        self._threads.faults = attrs.evolve(self._threads.faults, is_away=False)

    async def _network_down(self, process: Process, seconds: float) -> None:
        self.network.go_down(process)
        await asyncio.sleep(seconds)
        self.network.come_up(process)

    async def _suspend(self, process: Process, seconds: float) -> None:
        if process.is_dead or process.is_suspended:
            return
        process.suspend()
        await self._pass_time(seconds)
        if not process.is_dead:
            self.log(f"{process.name} goes on")
            self.loop.resume(process)

    async def _pass_time(self, seconds: float) -> None:
        """Wait; through a long time idle receivers look into their inbox less often, as each look costs real time."""
        is_long = seconds > LONG
        self._long_waits += is_long
        self._set_inbox_pause()
        await asyncio.sleep(seconds)
        self._long_waits -= is_long
        self._set_inbox_pause()

    def _set_inbox_pause(self) -> None:
        patches.set_inbox_pause(20 * LONG if self._long_waits else patches.INBOX_PAUSE)

    # --- coming to rest --------------------------------------------------------------------------------------------

    async def _come_to_rest(self) -> None:
        """End all faults, wait until nothing is left to do, and check."""
        self.log("all faults end")
        self.network.conditions = NetworkConditions()
        self.emulator.set_faults([])
        self._threads.faults = DatabaseFaults()
        self._is_calm = True
        with anyio.fail_after(TIMEOUT):
            await self._finish_run()
            await self._review()
            await self._finish_run()
            await self.emulator.wait_delivered(TIMEOUT)
            await self._wait_handled()
        self._is_over = True
        for process, program in self._receivers.values():
            self.loop.call_soon(program.stop, context=process.context())
        await self._check()

    async def _finish_run(self) -> None:
        while self._is_open():
            finishers = self.chance.choice((1, 1, 2))
            async with asyncio.TaskGroup() as tasks:
                for _ in range(finishers):
                    process = Process(f"finisher {next(self._numbers)}")
                    tasks.create_task(self._run(process, self._new_charger(process)))
            await asyncio.sleep(60)

    def _is_open(self) -> bool:
        """Whether the next charger has something to do; asked past the shipped code."""
        states = self._ask_ledger("SELECT DISTINCT state FROM nexi_batch_jobs")
        return any(JobState(state).is_open for (state,) in states)

    async def _review(self) -> None:
        """Do what a person does with jobs in review: look whether they were charged, and tell the ledger."""
        await asyncio.sleep(MARGIN)  # until then a charge may still be on its way

        async def review() -> None:
            async with Ledger.open(self.ledger_url) as ledger:
                for item in [item async for item in ledger.in_review(RUN)]:
                    self.log(f"{item.reference} is in review")
                    while not await self._resolve(ledger, item):  # noqa: ASYNC110 - nothing but time ends the wait
                        await asyncio.sleep(MARGIN)

        await self._run(Process("reviewer"), review)

    async def _resolve(self, ledger: Ledger, item: Any) -> bool:
        """Look at the payments, and resolve a job; False if the ledger asks to look again later.

        By the clock of a worker that is ahead, the job was put in review in the future.
        """
        payments = self.emulator.state()["payments"]
        found = [each for each in payments if each["orderDetails"].get("reference") == item.order_reference]
        if found and found[-1].get("charges"):
            charge_id = found[-1]["charges"][0]["chargeId"]
            await self._resolve_charged(ledger, item, found[-1]["paymentId"], charge_id)
            return True
        try:
            await ledger.resolve_not_charged(RUN, item.reference)
        except InvalidRequest as refused:
            if "look for its payment again in" in str(refused):
                return False
            raise
        return True

    async def _resolve_charged(self, ledger: Ledger, item: Any, payment_id: str, charge_id: str) -> None:
        await ledger.resolve_charged(RUN, item.reference, payment_id=payment_id, charge_id=charge_id)

    async def _wait_handled(self) -> None:
        while (await self._ask_inbox(lambda inbox: inbox.stats())).waiting:  # noqa: ASYNC110 - asks a database
            await asyncio.sleep(300)

    async def _check(self) -> None:
        dead = await self._ask_inbox(lambda inbox: inbox.events(state="dead", limit=10_000))
        state = self.emulator.state()
        observed = Observed(
            scenario=self.scenario,
            trace=self.trace,
            state=state,
            jobs=self.jobs,
            ledger=await self._results(),
            dead={(event.id, event.event) for event in dead},
        )
        for text in violations(observed):
            self.violate(text)
        self.trace.charges = sum(len(payment.get("charges", ())) for payment in state["payments"])
        self.trace.deliveries = len(state["deliveries"])

    async def _results(self) -> list[JobResult]:
        """What the ledger says of each job."""
        found: list[JobResult] = []

        async def look() -> None:
            async with Ledger.open(self.ledger_url) as ledger:
                found.extend([result async for result in ledger.results(RUN)])

        await self._run(Process("observer"), look)
        return found

    async def _ask_inbox(self, question: Callable[[SQLInbox], Awaitable[Any]]) -> Any:
        answers: list[Any] = []

        async def look() -> None:
            async with SQLInbox(self.inbox_url) as inbox:
                answers.append(await question(inbox))

        await self._run(Process("observer"), look)
        return answers[0]


def _is_lease_held(error: BaseException) -> bool:
    """Whether a bulk charger has ended because another one works on the run, as it is to."""
    return "another charger" in str(error)
