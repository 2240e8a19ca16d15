"""Languages of the pages: their texts, and the forms of amounts, numbers, dates and countries.

Each file in `languages` holds the texts of one language. Regions share them (`de-AT` reads those of `de-DE`) and differ
in numbers. Whatever a file lacks, and every language without a file, is English.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from attrs import field, frozen
from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.dates import format_date, format_time
from babel.numbers import format_currency, format_decimal, format_percent
from markupsafe import Markup, escape

DEFAULT = "en-GB"
_FILES = files("nexi_async.emulator") / "languages"
_TAG = re.compile(r"([A-Za-z]{2})(?:[-_]([A-Za-z]{2}))?")
_CODE_AND_DIGIT = re.compile(r"(?<=[A-Z])(?=\d)")
_SAME_AS = {"nn": "nb", "no": "nb"}
_FORMER_COUNTRIES = frozenset({"BUR", "DDR", "FXX", "TMP", "YMD", "ZAR"})
_ACCENTED_LAST = frozenset({"da", "fi", "nb", "sv"})


@frozen
class Language:
    """A language of the pages; `tag`, with a region, is for the `lang` attribute."""

    tag: str
    _locale: Locale
    _texts: Mapping[str, str] = field(repr=False)

    def text(self, key: str, **values: object) -> str:
        """A text, with its {names} filled in."""
        return self._texts[key].format(**values)

    def markup(self, key: str, **values: object) -> Markup:
        """A text whose values may be markup; all else is escaped."""
        return Markup(escape(self._texts[key])).format(**values)  # noqa: S704  escaped, and so are the values

    def has(self, key: str) -> bool:
        return key in self._texts

    def count(self, key: str, count: int) -> str:
        """A text in the plural form of a number."""
        form = f"{key}.{self._locale.plural_form(count)}"
        return self.text(form if form in self._texts else f"{key}.other", count=self.number(count))

    def money(self, amount: int, currency: str) -> str:
        """An amount of minor units; every currency of the API has two decimals."""
        text = format_currency(Decimal(amount).scaleb(-2), currency, locale=self._locale, currency_digits=False)
        return _CODE_AND_DIGIT.sub("\N{NO-BREAK SPACE}", text)  # CLDR asks for it, Babel leaves it out

    def number(self, number: float) -> str:
        """A number with as many decimals as it needs."""
        return format_decimal(number, locale=self._locale)

    def percent(self, rate: int) -> str:
        """A rate in percent x 100."""
        pattern = re.sub(r"0(?=\D*%)", "0.##", self._locale.percent_formats[None].pattern.partition(";")[0])
        return format_percent(Decimal(rate).scaleb(-4), format=pattern, locale=self._locale)

    def date(self, at: float) -> str:
        """The date of an instant in POSIX seconds, in UTC."""
        return format_date(datetime.fromtimestamp(at, UTC), "long", locale=self._locale)

    def time(self, at: float) -> str:
        """The time of day of an instant in POSIX seconds, in UTC."""
        return format_time(datetime.fromtimestamp(at, UTC), "short", tzinfo=UTC, locale=self._locale)

    def countries(self) -> list[tuple[str, str]]:
        """Every country as its alpha-3 code and its name, by name."""
        names = self._locale.territories
        return sorted(((code, names[short]) for code, short in _countries()), key=lambda entry: self._order(entry[1]))

    def _order(self, name: str) -> str:
        """Nordic alphabets end with their accented letters; others file them under the plain ones."""
        folded = name.casefold()
        return folded if self._locale.language in _ACCENTED_LAST else unicodedata.normalize("NFKD", folded)


@lru_cache(maxsize=64)
def find(tag: str) -> Language:
    """The language of a tag such as `sv-SE`, in any case; English where the pages are not written in it."""
    match = _TAG.fullmatch(tag)
    language, region = (match[1].lower(), (match[2] or "").upper()) if match else ("", "")
    language = _SAME_AS.get(language, language)
    own = _written().get(language)
    if own is None:
        return find(DEFAULT)
    locale, found = _locale(language, region) or _locale(*own.split("-")) or (Locale.parse("en"), DEFAULT)
    return Language(found, locale, _read(DEFAULT) | _read(own))


def _locale(language: str, region: str) -> tuple[Locale, str] | None:
    try:
        return Locale.parse(f"{language}_{region}"), f"{language}-{region}"
    except (UnknownLocaleError, ValueError):
        return None


@cache
def _written() -> dict[str, str]:
    """The tags that have a file, by their language."""
    tags = [entry.name.removesuffix(".toml") for entry in _FILES.iterdir() if entry.name.endswith(".toml")]
    return {tag.partition("-")[0]: tag for tag in tags}


@cache
def _read(tag: str) -> dict[str, str]:
    """The texts of a file, by their dotted keys."""
    return dict(_flat(tomllib.loads((_FILES / f"{tag}.toml").read_text("utf-8")), ""))


def _flat(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


@cache
def _countries() -> list[tuple[str, str]]:
    """Alpha-3 codes with their alpha-2 codes; CLDR has the former as aliases of the latter."""
    known = Locale.parse("en").territories
    aliases = {code: others for code, others in get_global("territory_aliases").items() if len(code) == 3}
    found = [(code, others[0]) for code, others in aliases.items() if code.isalpha() and len(others) == 1]
    return [(code, short) for code, short in found if short in known and code not in _FORMER_COUNTRIES]
