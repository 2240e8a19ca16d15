"""Countries are found by either of their codes, and their prefixes fit into requests."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexi_async.reference import countries
from nexi_async.reference.countries import COUNTRIES, Country

EVERY_COUNTRY = st.sampled_from(list(COUNTRIES.values()))


def recased(code: str) -> st.SearchStrategy[str]:
    """A code whose letters are upper or lower case at random."""
    return st.tuples(*(st.sampled_from([c.lower(), c]) for c in code)).map("".join)


def test_the_countries_of_nexi_are_distinguished_from_the_rest() -> None:
    """197 countries are in Nexi's lists, 52 more in ISO 3166-1 only."""
    assert len(COUNTRIES) == 249
    assert sum(not row.is_iso_only for row in COUNTRIES.values()) == 197
    assert all(COUNTRIES[code].is_iso_only for code in ("FRO", "ALA"))
    assert not any(COUNTRIES[code].is_iso_only for code in ("NOR", "SWE", "DNK", "FIN", "GRL", "ATG"))


def test_codes_and_names_are_unique() -> None:
    """No two countries share a code or a name."""
    rows = COUNTRIES.values()
    assert len({row.alpha2 for row in rows}) == len({row.name for row in rows}) == len(rows)
    assert all(re.fullmatch("[A-Z]{3}", row.alpha3) and re.fullmatch("[A-Z]{2}", row.alpha2) for row in rows)


def test_every_prefix_fits_into_a_request() -> None:
    """A prefix matches the API's own pattern; only places without a telephone have none."""
    assert all(re.fullmatch(r"[+]\d{1,3}", row.prefix) for row in COUNTRIES.values() if row.prefix)
    without = [row.alpha3 for row in COUNTRIES.values() if row.prefix is None]
    assert without == ["ATA", "ATF", "BVT", "HMD", "PCN", "SGS", "UMI"]


@pytest.mark.parametrize(
    ("code", "name", "prefix"),
    [("NO", "Norway", "+47"), ("se", "Sweden", "+46"), ("dnk", "Denmark", "+45"), ("Fin", "Finland", "+358")],
)
def test_a_country_tells_its_name_and_prefix(code: str, name: str, prefix: str) -> None:
    """Nordic shops find their countries by what they have at hand."""
    row = countries.look_up(code)
    assert row is not None
    assert (row.name, row.prefix) == (name, prefix)


@given(st.data(), EVERY_COUNTRY)
def test_either_code_in_any_case_finds_the_country(data: st.DataObject, country: Country) -> None:
    """Alpha-2 and alpha-3 lead to the one row, whatever their case."""
    for code in (country.alpha2, country.alpha3):
        assert countries.look_up(data.draw(recased(code))) is country


@pytest.mark.parametrize("code", ["", "N", "XKX", "NORW", " NO", "ß", "47"])
def test_any_other_code_is_none(code: str) -> None:
    """What ISO 3166-1 does not list has no row; letters that only grow into a code do not count."""
    assert countries.look_up(code) is None


def test_the_table_cannot_be_changed() -> None:
    """No caller can change what another one looks up."""
    with pytest.raises(TypeError):
        COUNTRIES["XKX"] = COUNTRIES["NOR"]  # type: ignore[index]
    with pytest.raises(AttributeError):
        COUNTRIES["NOR"].prefix = "+1"  # type: ignore[misc]
