"""Languages are found by the tags that people have at hand."""

import pytest

from nexi_async.reference import languages
from nexi_async.reference.languages import LANGUAGES


def test_the_languages_are_those_of_nexi() -> None:
    """Nineteen tags are known, three of them unconfirmed, and English is spoken by default."""
    assert len(LANGUAGES) == 19
    assert [row.tag for row in LANGUAGES.values() if not row.is_confirmed] == ["de-CH", "fr-BE", "en-US"]
    assert languages.DEFAULT.tag == "en-GB"


@pytest.mark.parametrize("tag", LANGUAGES)
def test_spelling_makes_no_difference(tag: str) -> None:
    """Case and underscore, as other libraries write tags, find the same row."""
    spellings = (tag, tag.lower(), tag.upper(), tag.replace("-", "_"))
    assert all(languages.look_up(spelling) is LANGUAGES[tag] for spelling in spellings)


@pytest.mark.parametrize(("tag", "found"), [("nn", "nb-NO"), ("nn-NO", "nb-NO"), ("et-EE", "ee-EE"), ("et", "ee-EE")])
def test_other_names_of_a_language_are_found(tag: str, found: str) -> None:
    """Nynorsk leads to Bokmål, and proper Estonian to what Nexi calls it."""
    assert languages.look_up(tag) is LANGUAGES[found]


@pytest.mark.parametrize("tag", ["", "is-IS", "sv", "sv-SE ", "sv--SE", "en-GB&x=1"])
def test_any_other_tag_is_none(tag: str) -> None:
    """What the checkout page does not speak has no row."""
    assert languages.look_up(tag) is None


def test_the_table_cannot_be_changed() -> None:
    """No caller can change what another one looks up."""
    with pytest.raises(TypeError):
        LANGUAGES["is-IS"] = LANGUAGES["sv-SE"]  # type: ignore[index]
    with pytest.raises(AttributeError):
        LANGUAGES["sv-SE"].tag = "sv-FI"  # type: ignore[misc]
