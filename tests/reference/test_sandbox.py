"""The test environment's cards, persons and amounts do what their rows say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexi_async.emulator._engine.cards import TEST_CARDS
from nexi_async.reference import sandbox
from nexi_async.reference.payment_methods import PaymentMethod
from nexi_async.reference.sandbox import Behaviour


def passes_luhn(number: str) -> bool:
    """Whether the check digit of a card number is right."""
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(number)))
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0


@pytest.mark.parametrize("number", sandbox.CARDS)
def test_every_number_could_be_a_card(number: str) -> None:
    """A checkout page checks the digits before it asks anyone."""
    assert passes_luhn(number)


def test_every_behaviour_has_a_card() -> None:
    """Success and each failure can be tried, and success with three brands."""
    rows = sandbox.CARDS.values()
    assert {row.behaviour for row in rows} == set(Behaviour)
    assert {row.brand for row in rows if row.behaviour is Behaviour.SUCCEEDS} == {
        PaymentMethod.VISA,
        PaymentMethod.MASTERCARD,
        PaymentMethod.AMERICAN_EXPRESS,
    }


@pytest.mark.parametrize("number", ["4925000000000087", "4925 0000 0000 0087", "4925-0000-0000-0087"])
def test_a_card_is_found_as_people_type_it(number: str) -> None:
    """Blanks and hyphens between the digits make no difference."""
    card = sandbox.look_up(number)
    assert card is not None
    assert card.behaviour is Behaviour.RESERVATION_FAILS


def test_any_other_number_is_none() -> None:
    """A number that is no test card has no row."""
    assert sandbox.look_up("4111111111111111") is None


def test_the_emulator_has_the_same_cards() -> None:
    """Each does there what its row says; the emulator adds only the one that 3-D Secure is tried with."""
    emulated = {number: does.value.replace("approved", "succeeds") for number, does in TEST_CARDS.items()}
    assert {number: card.behaviour.value for number, card in sandbox.CARDS.items()}.items() <= emulated.items()
    assert [does for number, does in emulated.items() if number not in sandbox.CARDS] == ["challenged"]


def test_an_invoice_can_be_approved_and_refused() -> None:
    """Two persons may buy on invoice, one may not."""
    assert [person.is_approved for person in sandbox.INVOICE_PERSONS] == [True, True, False]


@pytest.mark.parametrize(
    ("amount", "code"),
    [(133, "33"), (51, "51"), (1, "01"), (199, "99"), (0, None), (100, None), (200, None), (-1, None), (310, None)],
)
def test_an_amount_provokes_a_code(amount: int, code: str | None) -> None:
    """Below two units of the currency the last two digits are the acquirer's code, except 00."""
    assert sandbox.code_of(amount) == code


@pytest.mark.parametrize(("amount", "seconds"), [(300, 0), (310, 10), (399, 99), (400, 0), (299, 0), (10, 0)])
def test_an_amount_provokes_a_delay(amount: int, seconds: int) -> None:
    """Between three and four units of the currency the last two digits are seconds."""
    assert sandbox.delay_of(amount) == seconds


@given(st.integers(1, 99))
def test_the_amount_for_a_code_provokes_it(code: int) -> None:
    """Any code but 00 can be asked for, as a number or as text."""
    assert sandbox.code_of(sandbox.amount_declined_with(code)) == f"{code:02}"
    assert sandbox.amount_declined_with(f"{code:02}") == sandbox.amount_declined_with(code)


@given(st.integers(0, 99))
def test_the_amount_for_a_delay_provokes_it(seconds: int) -> None:
    """Any delay below 100 seconds can be asked for."""
    assert sandbox.delay_of(sandbox.amount_delayed_by(seconds)) == seconds


@given(st.integers())
def test_no_amount_provokes_both(amount: int) -> None:
    """An order is declined or late, never both."""
    assert not (sandbox.code_of(amount) and sandbox.delay_of(amount))


@pytest.mark.parametrize("code", [0, 100, -5, "911"])
def test_a_code_out_of_reach_is_refused(code: str | int) -> None:
    """No amount provokes an approval or a code of three digits, and the error says what can be had."""
    with pytest.raises(ValueError, match="choose 1 to 99"):
        sandbox.amount_declined_with(code)


@pytest.mark.parametrize("seconds", [-1, 100])
def test_a_delay_out_of_reach_is_refused(seconds: int) -> None:
    """No amount delays longer than 99 seconds, and the error says what can be had."""
    with pytest.raises(ValueError, match="choose 0 to 99"):
        sandbox.amount_delayed_by(seconds)
