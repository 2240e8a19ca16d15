"""Batch charging: many subscriptions charged once each, whatever crashes in between."""

from nexi_async.batch.jobs import ChargeJob
from nexi_async.batch.ledger import Ledger, Planned
from nexi_async.batch.results import JobResult, JobState

__all__ = ["ChargeJob", "JobResult", "JobState", "Ledger", "Planned"]
