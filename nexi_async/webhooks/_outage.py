"""An outage of the inbox's database: logged once when it begins and once when it is over."""

from __future__ import annotations

import time

import attrs

from nexi_async._errors import StorageUnavailable
from nexi_async.webhooks._log_fields import logger

REMINDER = 300.0
"""Seconds after which an outage that goes on is logged again."""


@attrs.define
class Outage:
    """Whether the database can be used, shared by all who use it in this process.

    Attributes:
        failures: how many calls failed since the last success.
    """

    failures: int = 0
    _began: float = 0.0
    _logged_at: float = 0.0
    _failed: float = 0.0

    def record_failure(self, error: Exception) -> None:
        """Record that a call failed."""
        now = time.monotonic()
        if not self.failures:
            self._began = now
        if not self.failures or now - self._logged_at >= REMINDER:
            self._logged_at = now
            is_expected = isinstance(error, StorageUnavailable)  # and needs no traceback
            logger.error("the inbox can't be used, trying again: %s", error, exc_info=None if is_expected else error)
        self._failed = now
        self.failures += 1

    def record_success(self, *, asked: float) -> None:
        """Record that a call succeeded that began at `asked`, by the monotonic clock."""
        if self.failures and asked > self._failed:  # else it succeeded before the outage
            logger.warning("the inbox can be used again, after %.1f seconds", time.monotonic() - self._began)
            self.failures = 0
