"""Settings: what the API's documentation leaves open, with the emulator's assumption as the default.

Every field is an assumption or a choice of the tester, never a documented fact; the emulator's FIDELITY.md lists
what is not proven, with its sources. `PUT /emulator/settings` takes the same names. `STRICT` has the values that the
official reference asks for where clients that work in production do otherwise.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from attrs import evolve, field, fields_dict, frozen, validators

# Delays before the attempts 2 to 10. Ten attempts with growing delays are official; the delays are not published.
RETRY_DELAYS = (5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 10800.0, 28800.0, 86400.0)


def _floats(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _names(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(str(value) for value in values)


def _within(what: str, kinds: tuple[type[float], ...], largest: int) -> Callable[[Any, Any, Any], None]:
    """A validator of numbers from 0 to the largest; true and false are no numbers."""

    def validate(_: object, attribute: Any, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, kinds) or not 0 <= value <= largest:
            msg = f"{attribute.name} must be {what} between 0 and {largest}, not {value!r}"
            raise ValueError(msg)

    return validate


_is_number = _within("a number", (int, float), 10**9)
_is_rate = _within("a probability", (int, float), 1)
_is_count = _within("a whole number", (int,), 10**9)


def _switch(default: bool) -> bool:  # noqa: FBT001  the default is the only argument
    attribute: bool = field(default=default, validator=validators.instance_of(bool))
    return attribute


def _optional(default: float, validator: Callable[[Any, Any, Any], None]) -> Any:
    optional: Any = validators.optional(validator)
    return field(default=default, validator=optional)


def _choice(*choices: str) -> str:
    attribute: str = field(default=choices[0], validator=validators.in_(choices))
    return attribute


@frozen(kw_only=True)
class Settings:
    """The emulator's settings; times are seconds on the emulator's clock.

    Attributes:
        merchant_number: The merchant number in webhook events.
        retrieves_per_hour: Retrievals of one payment in an hour before 429; None for no limit.
        show_empty_lists: Retrieve payment shows `charges` and `refunds` as empty lists instead of leaving
            them out.
        undocumented_402_as: The status of a business error where the reference lists no 402 (refunds,
            cancels, card payments): 402, 400, 409 or 500.
        malformed_id_status: The response to an id that is no id, 404 or 400.
        key_lifetime_hours: How long an idempotency key is kept, by `charges/status` too; None for no limit.
        replay_rejections: A repeated key gets the same 4xx again instead of a new try.
        declined_charge_status: What `charges/status` says of a declined charge: `incomplete` (200 with
            `completed: false`) or `not_found` (404).
        refund_seconds: How long a refund stays pending.
        low_balance: Refunds stay pending until they are cancelled, expire, or the balance is back.
        final_charge_shows_as_cancelled: The part released by `finalCharge` is added to `cancelledAmount`.
        cancels_fail: The acquirer refuses every cancel, which emits `payment.cancel.failed`.
        terminate_again_allowed: Terminating a terminated payment is 204 instead of 409.
        reference_set_once: An order reference cannot be replaced (1016).
        checkout_domain_locked: A new checkout url on another host is refused (1017).
        fixed_subscription_amounts: Scheduled charges must repeat the amount of the sign-up, unless it said
            `allowVariableAmount`.
        block_after_hard_decline: After a decline that must never be retried, further charges of the
            agreement answer 1029 without asking the acquirer.
        plain_http_webhooks: Webhook urls may be plain http on a loopback host; the real API refuses them.
        alphanumeric_authorization: The `authorization` of a webhook must be letters and digits only.
        numbers_as_text: Numbers in requests may be texts of digits.
        empty_address_members: `addressLine2` may be empty, and `postalCode` outside of Norway, Denmark and Sweden.
        partial_addresses: An address needs nothing but its country.
        empty_external_reference: An empty `externalReference` in a bulk counts as left out.
        retrieve_checks_reference: `externalReference` in the query of a retrieved subscription must be its own.
        swish_type: The payment type of Swish, `A2A` or `WALLET`.
        shopper_gives_details: Where the merchant sends no consumer data, the shopper leaves name, email and address.
        show_expiry_on_create: The response to create payment has `expiresAt`.
        create_error_paths: The member paths in a refused create payment: `full` (`order.amount`) or `short` (`amount`).
        declined_charge_code: The code of a declined subscription charge: the `platform`'s own (1020, 1029) or the
            `issuer`'s (05, 51 ...); events and items of bulk runs always have the issuer's.
        bulk_items_have_ids: An item of a bulk run has a subscription id, all zeros, even if none was found.
        three_d_secure: Which card payments of the checkout are challenged by the issuer: those with the test card for
            it, always or never.
        challenge_seconds: How long a challenge waits for the shopper.
        created_event_at: When `payment.created` is sent: when the shopper presses `pay`, or at `create`.
        interactive_declines_emit: A shopper's declined card emits `payment.reservation.failed`.
        subscription_charges_emit_reservations: A subscription charge emits reservation events too.
        event_shape: `real` as recorded (numbers, one merchant key) or `docs` as in the reference's samples
            (strings, both merchant keys).
        event_offset_minutes: The UTC offset of event timestamps.
        structured_ids: Ids in the older recorded shape, with the time inside.
        event_duplicate_rate: How often an event is sent twice.
        event_drop_rate: How often an event is never sent.
        event_shuffle_seconds: Events are held back for a random time up to this, so that they overtake
            each other.
        delivery_retry_delays: Delays before the second and later attempts of a delivery.
        delivery_timeout: Real seconds that a receiver has to answer.
        bulk_first_page: The number of the first page of a bulk run, where `pageNumber` is used.
        disabled_methods: Payment methods that are not configured for the merchant.
        bulk_seconds: How long a bulk run takes from its start to Done.
        surcharge_rate: Surcharge on card payments, in percent x 100.
        payout_days: Days from a charge or refund to its payout.
    """

    merchant_number: int = field(default=100512877, validator=_is_count)
    retrieves_per_hour: int | None = _optional(30, _is_count)
    show_empty_lists: bool = _switch(default=False)
    undocumented_402_as: int = field(default=402, validator=validators.in_((402, 400, 409, 500)))
    malformed_id_status: int = field(default=404, validator=validators.in_((404, 400)))
    key_lifetime_hours: float | None = _optional(24, _is_number)
    replay_rejections: bool = _switch(default=True)
    declined_charge_status: str = _choice("incomplete", "not_found")
    refund_seconds: float = field(default=2, validator=_is_number)
    low_balance: bool = _switch(default=False)
    final_charge_shows_as_cancelled: bool = _switch(default=True)
    cancels_fail: bool = _switch(default=False)
    terminate_again_allowed: bool = _switch(default=True)
    reference_set_once: bool = _switch(default=False)
    checkout_domain_locked: bool = _switch(default=True)
    fixed_subscription_amounts: bool = _switch(default=False)
    block_after_hard_decline: bool = _switch(default=True)
    plain_http_webhooks: bool = _switch(default=True)
    alphanumeric_authorization: bool = _switch(default=False)
    numbers_as_text: bool = _switch(default=True)
    empty_address_members: bool = _switch(default=True)
    partial_addresses: bool = _switch(default=True)
    empty_external_reference: bool = _switch(default=True)
    retrieve_checks_reference: bool = _switch(default=True)
    swish_type: str = _choice("A2A", "WALLET")
    shopper_gives_details: bool = _switch(default=True)
    show_expiry_on_create: bool = _switch(default=True)
    create_error_paths: str = _choice("full", "short")
    declined_charge_code: str = _choice("platform", "issuer")
    bulk_items_have_ids: bool = _switch(default=True)
    three_d_secure: str = _choice("test_card", "always", "never")
    challenge_seconds: float = field(default=300, validator=_is_number)
    created_event_at: str = _choice("pay", "create")
    interactive_declines_emit: bool = _switch(default=True)
    subscription_charges_emit_reservations: bool = _switch(default=False)
    event_shape: str = _choice("real", "docs")
    event_offset_minutes: int = field(default=0, validator=validators.and_(validators.ge(-840), validators.le(840)))
    structured_ids: bool = _switch(default=False)
    event_duplicate_rate: float = field(default=0.0, validator=_is_rate)
    event_drop_rate: float = field(default=0.0, validator=_is_rate)
    event_shuffle_seconds: float = field(default=0, validator=_is_number)
    delivery_retry_delays: tuple[float, ...] = field(
        default=RETRY_DELAYS, converter=_floats, validator=validators.deep_iterable(_is_number)
    )
    delivery_timeout: float = field(default=10, validator=_is_number)
    bulk_first_page: int = field(default=0, validator=_is_count)
    disabled_methods: tuple[str, ...] = field(
        default=("EasyCampaign", "EasyInstallment", "Forbrugsforeningen"), converter=_names
    )
    bulk_seconds: float = field(default=2, validator=_is_number)
    surcharge_rate: int = field(default=0, validator=_is_count)
    payout_days: int = field(default=3, validator=_within("a number of days", (int,), 366))


STRICT: Mapping[str, Any] = MappingProxyType(
    {
        "alphanumeric_authorization": True,
        "numbers_as_text": False,
        "empty_address_members": False,
        "partial_addresses": False,
        "empty_external_reference": False,
        "retrieve_checks_reference": False,
        "plain_http_webhooks": False,
    }
)
"""What the official reference asks for, where the defaults also accept what clients in production send."""


def changed(settings: Settings, changes: dict[str, Any]) -> Settings:
    """The settings with some of them changed.

    Raises:
        ValueError: A name is unknown or a value is not possible; the text names it.
    """
    unknown = sorted(changes.keys() - fields_dict(Settings).keys())
    if unknown:
        msg = f"unknown settings: {', '.join(unknown)}"
        raise ValueError(msg)
    try:
        return evolve(settings, **changes)
    except TypeError as error:
        raise ValueError(str(error)) from error
