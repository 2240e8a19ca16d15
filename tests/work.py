"""Work counted in calls of functions, which is the same on a busy machine as on an idle one."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Count:
    """How many functions were called."""

    def __init__(self) -> None:
        self.calls = 0

    def note(self, _frame: FrameType, event: str, _argument: object) -> None:
        if event in {"call", "c_call"}:
            self.calls += 1


@contextmanager
def counted() -> Iterator[Count]:
    """Count the calls of this thread until the end of the block, not those of finalisers that the collector makes."""
    count = Count()
    before = sys.getprofile()
    gc.collect()
    gc.disable()
    sys.setprofile(count.note)
    try:
        yield count
    finally:
        sys.setprofile(before)
        gc.enable()
