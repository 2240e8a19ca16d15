"""The languages of the pages: complete texts, and amounts, numbers and dates in each language's form."""

import re
from importlib.resources import files

import pytest

from nexi_async.emulator import _languages as languages
from nexi_async.reference.countries import COUNTRIES
from nexi_async.reference.languages import LANGUAGES
from tests.emulator.raw import START, Wire

WRITTEN = ("en-GB", "sv-SE", "nb-NO", "da-DK", "fi-FI", "de-DE")


@pytest.mark.parametrize("tag", WRITTEN)
def test_no_text_is_missing(tag: str) -> None:
    """Each file has the texts of the English one, with the same names to be filled in, and no others."""
    names = {tag: _names(languages._read(tag)) for tag in ("en-GB", tag)}
    assert names[tag] == names["en-GB"]


def _names(texts: dict[str, str]) -> dict[str, list[str]]:
    return {key: sorted(re.findall(r"{(\w+)}", text)) for key, text in texts.items()}


def test_every_file_is_a_language_of_the_checkout() -> None:
    """The pages are written in six languages that the real page speaks too."""
    found = {entry.name.removesuffix(".toml") for entry in (files("nexi_async.emulator") / "languages").iterdir()}
    assert found == set(WRITTEN)
    assert found <= LANGUAGES.keys()


@pytest.mark.parametrize("tag", [*LANGUAGES, "", "x", "xx-SE-x", "../en", "ab-CD", "\u00e5\u00e4"])
async def test_every_tag_has_a_page(wire: Wire, tag: str) -> None:
    """A language that the pages are not written in, or that is none, is English and says so."""
    payment_id = await wire.create()
    query = {"checkoutKey": "emulator-checkout-key", "pid": payment_id, "language": tag}
    page = await wire.client.get("/hostedpaymentpage/", params=query)
    assert page.status_code == 200
    (shown,) = re.findall(r'<html lang="([^"]*)">', page.text)
    written = [own for own in WRITTEN if own[:2] == tag[:2]]
    assert shown == (tag if written else "en-GB")


@pytest.mark.parametrize(("tag", "shown"), [
    ("sv-se", "sv-SE"), ("sv_SE", "sv-SE"), ("SV", "sv-SE"), ("sv-FI", "sv-FI"), ("sv-XX", "sv-SE"),
    ("nn", "nb-NO"), ("no-NO", "nb-NO"), ("de-AT", "de-AT"), ("en-US", "en-US"), ("fr-FR", "en-GB"),
])  # fmt: skip
def test_tags_in_any_form(tag: str, shown: str) -> None:
    """Case and hyphen make no difference, and a region without a form of its own has that of its language."""
    assert languages.find(tag).tag == shown


@pytest.mark.parametrize(("tag", "amount", "rate", "date"), [
    ("en-GB", "SEK 1,234.50", "25.5%", "15 January 2027 08:00"),
    ("en-US", "SEK 1,234.50", "25.5%", "January 15, 2027 8:00 AM"),
    ("sv-SE", "1 234,50 kr", "25,5 %", "15 januari 2027 08:00"),
    ("nb-NO", "1 234,50 SEK", "25,5 %", "15. januar 2027 08:00"),
    ("da-DK", "1.234,50 SEK", "25,5 %", "15. januar 2027 08.00"),
    ("fi-FI", "1 234,50 SEK", "25,5 %", "15. tammikuuta 2027 8.00"),
    ("de-DE", "1.234,50 SEK", "25,5 %", "15. Januar 2027 08:00"),
    ("de-CH", "SEK 1'234.50", "25.5%", "15. Januar 2027 08:00"),
])  # fmt: skip
def test_amounts_rates_and_dates(tag: str, amount: str, rate: str, date: str) -> None:
    """Each language writes them in its own form; the last digit of an amount is never lost."""
    language = languages.find(tag)
    found = [language.money(123450, "SEK"), language.percent(2550), f"{language.date(START)} {language.time(START)}"]
    # Editions of CLDR differ in the Swiss apostrophe.
    assert [re.sub(r"\s", " ", text).replace("’", "'") for text in found] == [amount, rate, date]


@pytest.mark.parametrize(
    ("amount", "shown"), [(0, "€0.00"), (1, "€0.01"), (-5, "-€0.05"), (2**31 - 1, "€21,474,836.47")]
)
def test_amounts_are_exact(amount: int, shown: str) -> None:
    """Minor units become major units digit by digit."""
    assert languages.find("en-GB").money(amount, "EUR") == shown


@pytest.mark.parametrize(("quantity", "shown"), [(1, "1"), (1.0, "1"), (2.5, "2,5"), (1000, "1\N{NO-BREAK SPACE}000")])
def test_quantities_have_the_decimals_they_need(quantity: float, shown: str) -> None:
    """One piece is 1, not 1.0."""
    assert languages.find("sv-SE").number(quantity) == shown


@pytest.mark.parametrize("tag", WRITTEN)
def test_one_is_singular(tag: str) -> None:
    """Plural forms follow the language's rules."""
    language = languages.find(tag)
    one, two = language.count("order.items", 1), language.count("order.items", 2)
    assert one.startswith("1 ")
    assert (one.removeprefix("1 ") == two.removeprefix("2 ")) == (tag == "de-DE")


@pytest.mark.parametrize("tag", WRITTEN)
def test_every_country_can_be_chosen(tag: str) -> None:
    """The list has all that the API knows, once each."""
    codes = [code for code, _ in languages.find(tag).countries()]
    assert set(codes) >= COUNTRIES.keys()
    assert len(codes) == len(set(codes))


def test_countries_are_in_the_order_of_the_language() -> None:
    """Swedish ends with its accented letters, German files them under the plain ones."""
    swedish, german = ([name for _, name in languages.find(tag).countries()] for tag in ("sv-SE", "de-DE"))
    assert swedish.index("Österrike") > swedish.index("Zimbabwe")
    assert german.index("Österreich") < german.index("Zypern")


def test_markup_is_escaped() -> None:
    """A link can be filled into a text, and anything else can't become markup."""
    text = languages.find("en-GB").markup("payment.terms", link="<script>")
    assert str(text) == "By paying you accept the &lt;script&gt;."
