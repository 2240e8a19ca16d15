"""Enumerations that keep unknown values."""

from enum import StrEnum
from typing import Self


def normalise(text: str) -> str:
    """The text as two spellings of one value are compared: without case, hyphens and underscores."""
    return text.lower().replace("-", "").replace("_", "")


class OpenEnum(StrEnum):
    """A text enumeration that Nexi may extend at any time, so that a new value never breaks a response.

    A lookup ignores case, hyphens and underscores (`PaymentType("A2a") is PaymentType.A2A`). An unlisted value gives
    an object of the same class that equals its text as received, and whose `.is_known` is False.

    Each lookup of an unknown value makes a new object, so compare those with `==`; known members may be compared with
    `is`. Any text is accepted; anything but text is a `ValueError`.
    """

    @property
    def is_known(self) -> bool:
        """Whether this SDK lists the value; False for one that Nexi added later, or for a misspelt one."""
        return type(self).__members__.get(self.name) is self

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        wanted = normalise(value)
        known = (member for member in cls if normalise(member.value) == wanted)
        return next(known, None) or cls._unknown(value)

    @classmethod
    def _unknown(cls, text: str) -> Self:
        """An object of this class outside its members; left out of the enum's own cache on purpose."""
        unlisted = str.__new__(cls, text)
        unlisted._name_ = unlisted._value_ = text
        return unlisted

    def __repr__(self) -> str:
        return super().__repr__() if self.is_known else f"<{type(self).__name__} unknown: {self.value!r}>"
