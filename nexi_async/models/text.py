"""Texts as the API takes them."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["clean_text"]

_ALLOWED = re.compile(r"[^A-Za-z0-9!#$%()*+,\-./:;=?@\[\]^_`{}~ \u00a1-\u036f]")
_BLANKS = re.compile(r"\s+")


def clean_text(text: str, *, longest: int = 128) -> str:
    r"""A product name or reference without what the API refuses or its pages can't show.

    Keeps letters of the Latin scripts, digits and plain punctuation, as the official shop plugins do; drops the
    forbidden `< > ' " & \`, emoji and other scripts; turns line breaks and tabs into spaces and cuts at `longest`.
    """
    spaced = _BLANKS.sub(" ", unicodedata.normalize("NFC", text))
    return _BLANKS.sub(" ", _ALLOWED.sub("", spaced)).strip()[:longest].rstrip()
