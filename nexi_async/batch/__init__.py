"""Batch charging: many subscriptions charged once each, whatever crashes in between."""

from nexi_async.batch.jobs import ChargeJob

__all__ = ["ChargeJob"]
