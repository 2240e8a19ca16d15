"""Batch charging: many subscriptions charged once each, whatever crashes in between."""

from nexi_async.batch.charger import BatchCharger
from nexi_async.batch.dunning import Dunning
from nexi_async.batch.jobs import ChargeJob
from nexi_async.batch.ledger import Ledger, Planned
from nexi_async.batch.ledger_review import ReviewItem
from nexi_async.batch.ledger_work import Scope
from nexi_async.batch.progress import Progress
from nexi_async.batch.results import JobResult, JobState
from nexi_async.batch.summary import Reason, Summary, Total
from nexi_async.idempotency import KEY_LIFETIME

__all__ = [
    "KEY_LIFETIME",
    "BatchCharger",
    "ChargeJob",
    "Dunning",
    "JobResult",
    "JobState",
    "Ledger",
    "Planned",
    "Progress",
    "Reason",
    "ReviewItem",
    "Scope",
    "Summary",
    "Total",
]
