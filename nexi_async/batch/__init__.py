"""Batch charging: many subscriptions, each charged once, also after a crash.

How it works. `Ledger.plan` stores each job with the request as it will be sent; its key is derived from run, reference
and attempt. `BatchCharger` claims open jobs, which marks them as `sending` on disk before the first byte
leaves, charges them (`_worker_pool`, one call a job, or `_bulk_worker_pool`, bulk charges), and records the outcomes in
groups (`_result_writer`). A job that may have been sent is looked up by its key first, and then sent with the same key;
once the API may have forgotten the key (`key_lifetime`), the job goes to the state `review` instead. `_flow_control`
decides how many charges are under way (AIMD, as in https://www.rfc-editor.org/rfc/rfc5681#section-3.1), how fast they
begin, and when failures stop the run. On several machines `ShardWorker` leases parts of the run by procrastinate
(https://procrastinate.readthedocs.io/); a shard handed out twice is safe for the same reasons as a crash.

How long the API remembers a key is not documented.
"""

import importlib
import importlib.util
import typing

from nexi_async._idempotency import KEY_LIFETIME
from nexi_async.batch._dunning import Dunning
from nexi_async.batch._job import ChargeJob, Strategy
from nexi_async.batch._job_files import JobLine
from nexi_async.batch._progress import Progress
from nexi_async.batch._results import JobResult, JobState
from nexi_async.batch._summary import Reason, Summary, Total

__all__ = [
    "KEY_LIFETIME",
    "ChargeJob",
    "Dunning",
    "JobLine",
    "JobResult",
    "JobState",
    "Progress",
    "Reason",
    "Strategy",
    "Summary",
    "Total",
]
# a star import takes what the installed extras can load; by its own name each class names the extra that it needs
if importlib.util.find_spec("sqlalchemy"):
    __all__ += ["BatchCharger", "Ledger", "Outage", "Planned", "ReviewItem", "Scope"]
if importlib.util.find_spec("procrastinate"):
    __all__ += ["ShardWorker"]

if typing.TYPE_CHECKING:
    from nexi_async.batch._charger import BatchCharger
    from nexi_async.batch._distributed import ShardWorker
    from nexi_async.batch._ledger.ledger import Ledger, Planned
    from nexi_async.batch._ledger.review import ReviewItem
    from nexi_async.batch._ledger.runs import Scope
    from nexi_async.batch._outage import Outage
else:
    _ON_DEMAND = {
        "BatchCharger": "_charger",
        "Ledger": "_ledger.ledger",
        "Planned": "_ledger.ledger",
        "Outage": "_outage",
        "ReviewItem": "_ledger.review",
        "Scope": "_ledger.runs",
        "ShardWorker": "_distributed",
    }

    def __getattr__(name: str) -> object:
        """Load the names that need SQLAlchemy on demand: it takes longer to import than all else together."""
        if name not in _ON_DEMAND:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        importlib.import_module("nexi_async._storage")  # names the extra if SQLAlchemy is missing
        found = globals()[name] = getattr(importlib.import_module(f"nexi_async.batch.{_ON_DEMAND[name]}"), name)
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
