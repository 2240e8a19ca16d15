"""The languages of the checkout page."""

from collections.abc import Mapping
from types import MappingProxyType

import attrs

__all__ = ["DEFAULT", "LANGUAGES", "Language", "look_up"]


@attrs.frozen
class Language:
    """A language of the checkout page."""

    tag: str
    """As the page takes it: ISO 639-1, a hyphen, ISO 3166-1 alpha-2."""
    name: str
    is_confirmed: bool = attrs.field(default=True, kw_only=True)
    """False where neither Nexi's documents nor its own plugins were seen to name it."""


_ROWS = (
    Language("en-GB", "English"),
    Language("da-DK", "Danish"),
    Language("sv-SE", "Swedish"),
    Language("nb-NO", "Norwegian Bokmål"),
    Language("de-DE", "German"),
    Language("fi-FI", "Finnish"),
    Language("nl-NL", "Dutch"),
    Language("fr-FR", "French"),
    Language("es-ES", "Spanish"),
    Language("pl-PL", "Polish"),
    Language("it-IT", "Italian"),
    Language("lv-LV", "Latvian"),
    Language("lt-LT", "Lithuanian"),
    Language("sk-SK", "Slovak"),
    Language("ee-EE", "Estonian"),
    Language("de-AT", "German (Austria)"),
    Language("de-CH", "German (Switzerland)", is_confirmed=False),
    Language("fr-BE", "French (Belgium)", is_confirmed=False),
    Language("en-US", "English (United States)", is_confirmed=False),
)

LANGUAGES: Mapping[str, Language] = MappingProxyType({row.tag: row for row in _ROWS})
"""Every language of the checkout page, by its tag."""

DEFAULT = LANGUAGES["en-GB"]
"""The language of the checkout page when none is named."""

# Nynorsk readers get Bokmål; Estonian goes by its country's code where ISO 639-1 says "et".
_OTHER_NAMES = {"nn": "nb-NO", "nn-no": "nb-NO", "et": "ee-EE", "et-ee": "ee-EE"}
_TAGS: Mapping[str, str] = MappingProxyType({tag.lower(): tag for tag in LANGUAGES} | _OTHER_NAMES)


def look_up(tag: str) -> Language | None:
    """The language of a tag, in any case and with hyphen or underscore; None if the page does not have it.

    Nynorsk (`nn`) leads to Bokmål, and Estonian is found by its proper tag (`et-EE`) as well as by Nexi's (`ee-EE`).
    """
    found = _TAGS.get(tag.lower().replace("_", "-"))
    return LANGUAGES[found] if found else None
