"""The states and kinds that answers of the Payment and Reporting APIs report."""

from nexi_async.reference.open_enum import OpenEnum


class RefundState(OpenEnum):
    """The state of a refund; only a pending one can be cancelled."""

    PENDING = "Pending"
    COMPLETED = "Completed"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    EXPIRED = "Expired"


class BulkStatus(OpenEnum):
    """The status of a bulk charge or bulk verification: done once no item is pending."""

    PROCESSING = "Processing"
    DONE = "Done"


class BulkItemStatus(OpenEnum):
    """The status of one subscription in a bulk run."""

    PENDING = "Pending"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


class PaymentAction(OpenEnum):
    """The kind of an action in a payout."""

    CHARGE = "CHARGE"
    REFUND = "REFUND"
    DEPOSIT = "DEPOSIT"
