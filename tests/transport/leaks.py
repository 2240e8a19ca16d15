"""Counting what a test leaves open."""

from __future__ import annotations

from collections import Counter
from pathlib import Path


def open_files() -> Counter[str]:
    """What this process has open, by kind: "socket", "anon_inode" and the like; `after - before` tells what is new."""
    kinds: Counter[str] = Counter()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            kinds[str(entry.readlink()).partition(":")[0]] += 1
        except FileNotFoundError:  # the listing itself
            continue
    del kinds["/dev/null"]  # uvloop keeps one, for when there are too many open files
    return kinds
