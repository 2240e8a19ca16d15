"""The states and kinds that answers of the Payment and Reporting APIs report."""

from nexi_async.reference.open_enum import OpenEnum


class RefundState(OpenEnum):
    """How far a refund has come; only a pending one can still be cancelled."""

    PENDING = "Pending"
    COMPLETED = "Completed"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    EXPIRED = "Expired"


class BulkStatus(OpenEnum):
    """How far a bulk charge or bulk verification has come: done once no item is pending."""

    PROCESSING = "Processing"
    DONE = "Done"


class BulkItemStatus(OpenEnum):
    """How far one subscription within a bulk run has come."""

    PENDING = "Pending"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


class PaymentAction(OpenEnum):
    """What moved money within a payout report."""

    CHARGE = "CHARGE"
    REFUND = "REFUND"
    DEPOSIT = "DEPOSIT"
