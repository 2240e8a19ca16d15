"""The only source of randomness: ids, references and probabilities, repeatable with a seed."""

import random
import re
import string
import uuid

_ALPHANUMERIC = string.ascii_letters + string.digits
_HEX_ID = re.compile(r"[0-9a-f]{32}")


class RandomSource:
    """Ids and random decisions from one random stream.

    Args:
        seed: The same seed gives the same ids in the same order; None for different ones each time.
        starts: How many random sources of this seed there were before, whose ids must not come again.
    """

    def __init__(self, seed: int | None = None, starts: int = 0) -> None:
        self._random = random.Random(f"{seed}/{starts}" if seed is not None and starts else seed)  # noqa: S311  play money needs no cryptography

    def new_id(self) -> str:
        """A new id: 32 lower-case hex digits."""
        return uuid.UUID(int=self._random.getrandbits(128), version=4).hex

    def structured_id(self, at: float) -> str:
        """An id in the older recorded shape: a counter block, the unix time, and 16 random digits, all hex."""
        return f"{self._random.getrandbits(16):04x}0000{int(at):08x}{self._random.getrandbits(64):016x}"

    def reconciliation_reference(self) -> str:
        """25 letters and digits."""
        return "".join(self._random.choices(_ALPHANUMERIC, k=25))

    def digits(self, count: int) -> str:
        """So many decimal digits, the first of them not 0."""
        return str(self._random.randrange(10 ** (count - 1), 10**count))

    def happens(self, rate: float) -> bool:
        """Whether something of this probability (0 to 1) happens this time."""
        return rate >= 1 or (rate > 0 and self._random.random() < rate)

    def up_to(self, seconds: float) -> float:
        return self._random.uniform(0, seconds)


def normal_id(text: str) -> str:
    """An id as the state keeps it: lower case without dashes."""
    return text.replace("-", "").lower()


def is_id(text: str) -> bool:
    """Whether a text is an id: 32 hex digits, with or without dashes, in any case."""
    return _HEX_ID.fullmatch(normal_id(text)) is not None
