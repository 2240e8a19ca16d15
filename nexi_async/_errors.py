"""The errors of this package, each with the outcome for the money.

    NexiError
      InvalidRequest            refused here, before sending: .faults
      APIError                  an error response: .status .code .message .source .body .request_id .retry_after
        BadRequest 400 (.errors)
        Unauthorized 401
        ChargeDeclined 402      .decline
        NotFound 404
        Conflict 409
        RateLimited 429
        ServerError 5xx
      TransportError            no usable answer
        ConnectFailed
        TimedOut
        ConnectionLost
      UnexpectedResponse        a 2xx whose body can't be read: .body
      ConfigurationError        a setting can't be used: .faults
      StorageError              the database of a ledger or an inbox refused
        StorageUnavailable      unavailable for now: trying again later may succeed
        StorageReplaced         its file was deleted or replaced while it was open

Every error says by its `outcome` whether the request took effect, carries the idempotency key that it was sent with,
counts the attempts, and survives pickling. None of them shows the secret key or what the shopper typed.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Self

from nexi_async.reference import acquirer_codes


class Outcome(enum.Enum):
    """What is known about the effect of a request that failed."""

    NOT_SENT = "not sent"
    """The API did not receive it: nothing happened, and sending it again is safe."""

    REJECTED = "rejected"
    """The API rejected it: nothing happened."""

    ACCEPTED = "accepted"
    """The API performed it, but the response can't be read. Do not repeat it with a new key."""

    UNKNOWN = "unknown"
    """It may have happened. Repeat it with the same key, never with a new one, or look at the payment."""


_ADVICE = {
    Outcome.NOT_SENT: "nothing was sent",
    Outcome.REJECTED: "rejected, nothing happened",
    Outcome.ACCEPTED: "accepted by the API: it has happened",
    Outcome.UNKNOWN: "outcome unknown: it may have happened",
}


class Fault(NamedTuple):
    """One thing that is wrong with a request: where, and what; without a path, with all of it."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class NexiError(Exception):
    """The base class of the errors of calls, settings and storage.

    Attributes:
        outcome: whether the request took effect.
        idempotency_key: the key of the request, if it had one; repeating the call with it is safe.
        attempts: the number of attempts.
        sent_at: when the call began, by this machine's clock: no later than the first attempt. None if it was refused
            before sending. `subscriptions.resolve_charge` needs it, since the API may forget a key after some time.
    """

    outcome: Outcome = Outcome.UNKNOWN
    idempotency_key: str | None = None
    attempts: int = 0
    sent_at: datetime | None = None

    def __init__(
        self,
        message: str = "",
        *,
        outcome: Outcome | None = None,
        idempotency_key: str | None = None,
        attempts: int = 0,
        sent_at: datetime | None = None,
    ) -> None:
        super().__init__(message)
        self.outcome = self.outcome if outcome is None else outcome
        self.idempotency_key = idempotency_key
        self.attempts = attempts
        self.sent_at = sent_at

    def __str__(self) -> str:
        text = f"{self.args[0]} ({_ADVICE[self.outcome]}"
        if self.attempts > 1:
            text += f", after {self.attempts} attempts"
        if self.idempotency_key is not None:
            text += f", idempotency key {self.idempotency_key}"
        return text + ")"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self.__dict__)

    def completed(
        self, *, outcome: Outcome, idempotency_key: str | None, attempts: int, sent_at: datetime | None
    ) -> Self:
        """This error of one attempt, completed with what is known of all attempts of the request."""
        self.outcome, self.idempotency_key, self.attempts = outcome, idempotency_key, attempts
        self.sent_at = sent_at
        return self


def _rebuild(kind: type[NexiError], args: tuple[Any, ...], state: dict[str, Any]) -> NexiError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class InvalidRequest(NexiError, ValueError):
    """The request breaks a rule of the API and was refused here; nothing was sent.

    Attributes:
        faults: every fault that was found, as (path, text); the path is the member's place in the JSON document, or
            the name of the option.
    """

    outcome = Outcome.NOT_SENT

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        self.faults = tuple(Fault(*fault) for fault in faults)
        super().__init__("; ".join(map(str, self.faults)))

    def __str__(self) -> str:
        return f"{self.args[0]} (refused before sending)"


class APIError(NexiError):
    """The API answered with an error status.

    Attributes:
        status: the HTTP status.
        code: the API's own error code as text, e.g. "1001", or None.
        message: the API's own text, for logs.
        source: the party that rejected the request, e.g. "internal" or "Issuer".
        body: the raw bytes of the response.
        request_id: the server's identifier of the request, or None.
        retry_after: seconds to wait according to the response's `Retry-After`, or None.
    """

    def __init__(
        self,
        summary: str,
        *,
        status: int,
        code: str | None = None,
        message: str | None = None,
        source: str | None = None,
        body: bytes = b"",
        request_id: str | None = None,
        retry_after: float | None = None,
        outcome: Outcome = Outcome.REJECTED,
    ) -> None:
        super().__init__(summary, outcome=outcome)
        self.status = status
        self.code = code
        self.message = message
        self.source = source
        self.body = body
        self.request_id = request_id
        self.retry_after = retry_after


class BadRequest(APIError):
    """400: the API found the request invalid.

    Attributes:
        errors: the API's validation errors, member path to texts, with the API's spelling of paths.
    """

    def __init__(self, summary: str, *, errors: Mapping[str, tuple[str, ...]] | None = None, **facts: Any) -> None:
        super().__init__(summary, **facts)
        self.errors: Mapping[str, tuple[str, ...]] = dict(errors or {})

    def about(self, member: str) -> tuple[str, ...]:
        """The errors of a member, given its name or its path.

        `about("order.amount")` and `about("amount")` both find the errors of "order.amount" and of "amount": the API
        uses both spellings.
        """
        asked = f".{member}".lower()
        full_paths = {path: f".{path}".lower() for path in self.errors}
        found = [path for path, full in full_paths.items() if full.endswith(asked) or asked.endswith(full)]
        return tuple(text for path in found for text in self.errors[path])


class Unauthorized(APIError):
    """401: the secret key is missing, wrong, or of the other environment."""


class ChargeDeclined(APIError):
    """402: the acquirer, the payment method or a business rule declined."""

    @property
    def decline(self) -> acquirer_codes.AcquirerCode:
        """The meaning of the code, and whether, when and how often to retry."""
        return acquirer_codes.look_up(self.code or "")


class NotFound(APIError):
    """404 of the API: no such payment, charge, refund or subscription for this merchant.

    A 404 page of a gateway, which has no way to the API, is an `APIError` of no further class.
    """


class Conflict(APIError):
    """409: the state of the object does not allow this, or a request with the same key is being processed."""


class RateLimited(APIError):
    """429: too many requests; one payment may be retrieved 30 times an hour. `retry_after` may say how long to wait."""


class ServerError(APIError):
    """5xx: the API failed; whether the request took effect is unknown."""


class TransportError(NexiError):
    """There is no usable response; `__cause__` is the error of the network."""

    @property
    def cause(self) -> BaseException | None:
        """The error of the network or of the transport."""
        return self.__cause__


class ConnectFailed(TransportError):
    """No connection could be made."""

    outcome = Outcome.NOT_SENT


class TimedOut(TransportError):
    """A time limit ran out."""


class ConnectionLost(TransportError):
    """The connection broke after the request was sent, or while it was being sent."""


class UnexpectedResponse(NexiError):
    """The API answered 2xx, so the request took effect, but the body can't be read.

    Attributes:
        body: the raw bytes, kept so that nothing is lost.
        document: the body as plain JSON values, e.g. `error.document["chargeId"]`; None if it is no JSON.
        faults: where the body differs from what the API documents.
    """

    outcome = Outcome.ACCEPTED

    def __init__(
        self,
        message: str,
        *,
        body: bytes,
        document: Any = None,
        faults: Sequence[tuple[str, str]] = (),
        idempotency_key: str | None = None,
        attempts: int = 0,
        sent_at: datetime | None = None,
    ) -> None:
        super().__init__(message, idempotency_key=idempotency_key, attempts=attempts, sent_at=sent_at)
        self.body = body
        self.document = document
        self.faults = tuple(Fault(*fault) for fault in faults)


class ConfigurationError(NexiError, ValueError):
    """A setting is missing or invalid; nothing was sent.

    Attributes:
        faults: every fault that was found, as (name of the setting, text).
    """

    outcome = Outcome.NOT_SENT

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        self.faults = tuple(Fault(*fault) for fault in faults)
        super().__init__("; ".join(map(str, self.faults)))

    def __str__(self) -> str:
        return str(self.args[0])


class StorageError(NexiError):
    """The database of a ledger or an inbox failed; its text shows neither what was written nor the password.

    The transaction that met it was rolled back, unless the connection broke while it was being committed.
    """

    def __str__(self) -> str:
        return str(self.args[0])


class StorageUnavailable(StorageError):
    """The database can't be reached, is restarting, full or overloaded; the operation may succeed later."""


class StorageReplaced(StorageError):
    """The file of the database was deleted or replaced while it was open; trying again can't succeed."""
