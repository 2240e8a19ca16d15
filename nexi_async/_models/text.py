"""Texts as the API takes them."""

from __future__ import annotations

import re
import unicodedata

_REFUSED = re.compile(r"[^A-Za-z0-9!#$%()*+,\-./:;=?@\[\]^_`{}~ \u00a1-\u00ac\u00ae-\u036f\u1e00-\u1eff]")
"""Everything but the API's ASCII, Latin letters, and the marks on them; a soft hyphen would be invisible."""

_BLANKS = re.compile(r"\s+")


def clean_text(text: str, *, max_length: int = 128) -> str:
    r"""A product name or reference without what the API refuses or its pages can't show.

    Keeps letters of the Latin scripts, digits and plain punctuation, as the official shop plugins do; drops the
    forbidden `< > ' " & \`, emoji and other scripts; turns line breaks and tabs into spaces and cuts at `max_length`
    characters. A text without anything that can stay becomes empty.
    """
    letters_and_marks = _BLANKS.sub(" ", unicodedata.normalize("NFD", text))
    kept = unicodedata.normalize("NFC", _REFUSED.sub("", letters_and_marks))
    return _BLANKS.sub(" ", kept).strip()[:max_length].rstrip()
