"""Batch charging: many subscriptions charged once each, whatever crashes in between."""

import importlib
import typing

from nexi_async.batch.dunning import Dunning
from nexi_async.batch.jobs import ChargeJob
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

if typing.TYPE_CHECKING:
    from nexi_async.batch.charger import BatchCharger
    from nexi_async.batch.ledger import Ledger, Planned
    from nexi_async.batch.ledger_review import ReviewItem
    from nexi_async.batch.ledger_work import Scope
else:
    _ON_DEMAND = {
        "BatchCharger": "charger",
        "Ledger": "ledger",
        "Planned": "ledger",
        "ReviewItem": "ledger_review",
        "Scope": "ledger_work",
    }

    def __getattr__(name: str) -> object:
        """Load what needs a database when it is asked for: SQLAlchemy takes longer to load than all else together."""
        if name not in _ON_DEMAND:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(importlib.import_module(f"nexi_async.batch.{_ON_DEMAND[name]}"), name)
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
