"""Planted faults: a simulation that finds nothing proves nothing, unless it finds these.

Each fault replaces a piece of a module's source when the module is imported. A piece that is not there, or not once,
ends the program: then the code has changed, and the fault must be adapted.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.util import spec_from_file_location
from types import CodeType, ModuleType
from typing import Any

import attrs

LONGEST_SECONDS = 1_800
SEEDS = 4_000
"""After how many seeds a fault is given up."""
DOES_NOT_FIT = re.compile("(Attribute|Name|Syntax|Type)Error")


@attrs.frozen
class Mutant:
    """One planted fault.

    Attributes:
        module: where.
        old: a piece of its source that is there once.
        new: what is there instead.
    """

    module: str
    old: str
    new: str


MUTANTS: dict[str, Mutant] = {
    # --- the ledger and its chargers
    "send what the ledger does not say is being sent": Mutant(
        "nexi_async.batch._ledger.claims",
        'connection.execute(_marking(dialect), {"numbers": numbers, "now": now, "worker": owner})',
        "pass",
    ),
    "derive another key when a job is taken up again": Mutant(
        "nexi_async.batch._ledger.claims",
        "key=derive_key(run.name, reference, attempt)",
        "key=derive_key(run.name, reference, attempt + fence)",
    ),
    "ask nothing after a crash": Mutant(
        "nexi_async.batch._single_charge", "    if job.may_have_been_sent:\n", "    if False:\n"
    ),
    "send with a key that the API may have forgotten": Mutant(
        "nexi_async.batch._ledger.job_queue", "        if all(map(self._may_send, claimed)):\n", "        if True:\n"
    ),
    "forget that a suspended process may have lost its claim": Mutant(
        "nexi_async.batch._ledger.claims",
        "    if any(fences.get(job.number) != job.fence for job in jobs):\n",
        "    if False:\n",
    ),
    "let an old owner overwrite what is final": Mutant(
        "nexi_async.batch._ledger.outcomes",
        'ours = write.where(IS_OPEN, JOBS.c.fence == done["fence"], JOBS.c.owner == bindparam("worker"))',
        'ours = write.where(bindparam("worker") != "")',
    ),
    "take an unknown outcome for a refusal": Mutant(
        "nexi_async.batch._results",
        "return JobState.UNKNOWN  # accepted too",
        "return JobState.FAILED  # accepted too",
    ),
    "give up the jobs of a bulk run that can't be asked for": Mutant(
        "nexi_async.batch._bulk_worker_pool",
        "            return attrs.evolve(outcome_of(error), state=JobState.UNKNOWN)\n        return JobOutcome(",
        "            return attrs.evolve(outcome_of(error), state=JobState.FAILED)\n        return JobOutcome(",
    ),
    "send a bulk run whose jobs are not on disk": Mutant(
        "nexi_async.batch._ledger.bulks",
        "    connection.execute(insert(MEMBERS), [{",
        "    (lambda *_: None)(insert(MEMBERS), [{",
    ),
    "begin charges twice as fast as allowed": Mutant(
        "nexi_async.batch._flow_control",
        "self._last + 1 / self.per_second - now",
        "self._last + 0.5 / self.per_second - now",
    ),
    "hand out results that are not on disk": Mutant(
        "nexi_async.batch._result_writer",
        "            await self._write(group)\n            del self._pending[: len(group)]",
        "            del self._pending[: len(group)]\n            await self._write(group[1:] or group)",
    ),
    # --- the transport
    "mint a new key for a retry": Mutant(
        "nexi_async._transport.session",
        "                progress.begin_attempt()\n",
        "                progress.begin_attempt()\n"
        "                if request.key and progress.attempts > 1:\n"
        '                    new_key = attrs.evolve(request, key=f"{request.key}{progress.attempts}")\n'
        "                    not_after = progress.wall_clock + self.retry.deadline\n"
        "                    http_request = self._to_http_request(new_key, not_after=not_after)\n",
    ),
    "take a lost answer for a request that was not sent": Mutant(
        "nexi_async._transport.session",
        'return ConnectionLost(f"{request} lost its connection: {type(error).__name__}")',
        'return ConnectionLost(f"{request} lost its connection", outcome=Outcome.NOT_SENT)',
    ),
    "believe a refusal after a lost answer": Mutant(
        "nexi_async._transport.session",
        "        if progress.outcome is Outcome.UNKNOWN:\n",
        "        if False:\n",
    ),
    "send again what has no key": Mutant(
        "nexi_async._transport.retry",
        "return request.is_idempotent or failure.outcome is Outcome.NOT_SENT",
        "return True",
    ),
    "use a connection again after a cancelled call": Mutant(
        "nexi_async._transport.asyncio_connection",
        "        self.is_reusable = False\n        if not self._is_usable():",
        "        if not self._is_usable():",
    ),
    "wait for an answer without a limit": Mutant(
        "nexi_async._transport.asyncio_connection", "        if self._due < self._timer_due:\n", "        if False:\n"
    ),
    # --- the inbox
    "answer 200 before the event is committed": Mutant(
        "nexi_async.webhooks._receiver",
        "            await inbox.put(event)\n",
        '            __import__("asyncio").ensure_future(inbox.put(event))\n',
    ),
    "answer 200 when the database is unavailable": Mutant(
        "nexi_async.webhooks._receiver",
        'self._counters.count_error("inbox", "not stored", error)\n            return False',
        'self._counters.count_error("inbox", "not stored", error)\n            return True',
    ),
    "take a failed handler for a successful one": Mutant(
        "nexi_async.webhooks._worker_pool",
        "            result = self._failure(event, error)\n",
        "            result = stored_events.done(event, self._clock())\n",
    ),
    "handle events of a payment side by side": Mutant(
        "nexi_async.webhooks._leases",
        "return row.payment_id is None or (row.leased is None and row.oldest == row.number)",
        "return True",
    ),
    "forget the events of a worker that died": Mutant(
        "nexi_async.webhooks._leases",
        '.values(attempts=EVENTS.c.attempts + 1, worker=bindparam("_worker"), due=bindparam("_due"), queue="retry")',
        '.values(attempts=EVENTS.c.attempts + 1, worker=bindparam("_worker"), due=bindparam("_due"), queue=None)',
    ),
}
"""Each fault by what it makes the code do."""


# --- planting --------------------------------------------------------------------------------------------------------


def plant(name: str) -> None:
    """Have the module of a fault imported with it.

    Raises:
        RuntimeError: the module was imported before, or its source is not what the fault expects.
    """
    mutant = MUTANTS[name]
    if mutant.module in sys.modules:
        raise RuntimeError(f"{mutant.module} is imported already")
    sys.meta_path.insert(0, _Finder(mutant))


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
        if name != self._mutant.module:
            return None
        found = importlib.machinery.PathFinder.find_spec(name, path, target)
        if found is None or found.origin is None:
            raise RuntimeError(f"there is no module {name}")
        return spec_from_file_location(name, found.origin, loader=_Loader(name, found.origin, self._mutant))


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, mutant: Mutant) -> None:
        super().__init__(name, path)
        self._mutant = mutant

    def get_code(self, fullname: str) -> CodeType:
        source, mutant = self.get_data(self.path).decode(), self._mutant
        if source.count(mutant.old) != 1:
            raise RuntimeError(f"{fullname} has {source.count(mutant.old)} times what is to be replaced: {mutant.old}")
        return compile(source.replace(mutant.old, mutant.new), self.path, "exec")


# --- finding ---------------------------------------------------------------------------------------------------------


def find_all(seeds: int, processes: int | None) -> int:
    """Plant each fault in a process of its own, and run seeds until it is found; returns how many were not."""
    missed = 0
    for name in MUTANTS:
        began = time.perf_counter()
        seed, why = _find(name, seeds, processes)
        missed += seed is None
        found = "NOT FOUND" if seed is None else f"found with seed {seed}"
        print(f"{name}: {found} in {time.perf_counter() - began:.0f} s; {why}", flush=True)
    print(f"{len(MUTANTS) - missed} of {len(MUTANTS)} found")
    return missed


def _find(name: str, seeds: int, processes: int | None) -> tuple[int | None, str]:
    command = [sys.executable, "-m", "tests.simulation", "--mutant", name, "--seeds", str(seeds), "--no-simplify"]
    if processes is not None:
        command += ["--processes", str(processes)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False)
    found = re.search(r"^seed (\d+) violates a property:\n\s*(.*)$", done.stdout, re.MULTILINE)
    if (found is None and done.returncode) or (found and DOES_NOT_FIT.search(found[2])):
        raise RuntimeError(
            f"the fault does not fit the code any more: {name}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    return (int(found[1]), found[2][:150]) if found else (None, "")
