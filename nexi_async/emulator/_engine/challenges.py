"""3-D Secure: the card's issuer asks the shopper to approve a payment before it is authorised."""

from functools import partial

from nexi_async.emulator._engine import events
from nexi_async.emulator._engine.cards import Behaviour, Card
from nexi_async.emulator._engine.context import Context
from nexi_async.emulator._engine.methods import Method
from nexi_async.emulator._engine.responses import conflict
from nexi_async.emulator._engine.settings import Settings
from nexi_async.emulator._engine.state import Challenge, Payment, State

RESULTS = ("approved", "refused", "cancelled", "timed_out")
"""How a challenge ends: the shopper approves, fails to, goes back to the shop, or does nothing in time."""

_FAILURES = {
    "refused": "3-D Secure authentication failed",
    "cancelled": "3-D Secure authentication cancelled by the cardholder",
    "timed_out": "3-D Secure authentication timed out",
}


def is_needed(card: Card, settings: Settings) -> bool:
    """Whether the issuer challenges payments with a card."""
    by_card = settings.three_d_secure == "test_card" and card.behaviour is Behaviour.CHALLENGED
    return by_card or settings.three_d_secure == "always"


def start(context: Context, payment: Payment, method: Method, card: Card) -> Challenge:
    """Challenge the shopper; an earlier challenge of the payment counts no more."""
    expires_at = context.now + context.settings.challenge_seconds
    challenge = Challenge(context.new_id(), method, card, payment.amount, expires_at)
    payment.challenge = challenge
    plan_expiry(context.state, payment, challenge)
    return challenge


def plan_expiry(state: State, payment: Payment, challenge: Challenge) -> None:
    state.schedule.add(challenge.expires_at, partial(_expire, payment=payment, challenge=challenge))


def answer(context: Context, payment: Payment, challenge_id: str | None, result: str) -> Challenge:
    """End the challenge of a payment; a failed one leaves the payment open.

    Raises:
        Refusal: The payment has no such challenge, or it is over.
        ValueError: There is no such result.
    """
    if result not in RESULTS:
        msg = f"the result of a challenge must be one of {', '.join(RESULTS)}, not {result!r}"
        raise ValueError(msg)
    challenge = payment.challenge
    if challenge is None or challenge.result is not None or challenge_id not in (None, challenge.id):
        raise conflict("1022", "The payment waits for no such challenge")
    # Approving one amount must not reserve another: the order may have changed meanwhile.
    _finish(context, payment, challenge, "refused" if challenge.amount != payment.amount else result)
    return challenge


def _expire(context: Context, *, payment: Payment, challenge: Challenge) -> None:
    is_waiting = payment.challenge is challenge and challenge.result is None
    if is_waiting and payment.completed_at is None and payment.terminated_at is None:
        _finish(context, payment, challenge, "timed_out")


def _finish(context: Context, payment: Payment, challenge: Challenge, result: str) -> None:
    context.state.note(payment)
    challenge.result = result
    if result in _FAILURES and context.settings.interactive_declines_emit:
        events.reservation_failed(context, payment, events.error("99", _FAILURES[result], "Internal"))
