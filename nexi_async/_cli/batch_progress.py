"""Progress of a run: a live bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bar

from nexi_async.batch import Progress

SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def showing_progress(
    console: Console, *, now: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[Progress], None]]:
    """Show the progress that the given function is called with."""
    if not console.is_terminal:
        yield _Lines(console, now)
        return
    columns = (
        TextColumn("charging"),
        BarColumn(),
        MofNCompleteColumn(),
        TaskProgressColumn(),
        TextColumn("{task.description}"),
    )
    with Bar(*columns, console=console) as bar:
        task = bar.add_task("", total=None)
        yield lambda progress: bar.update(
            task, total=progress.total, completed=progress.done, description=_pace(progress)
        )


class _Lines:
    """Prints a line now and then, and always the last."""

    def __init__(self, console: Console, now: Callable[[], float]) -> None:
        self._console = console
        self._now = now
        self._next = now()

    def __call__(self, progress: Progress) -> None:
        if self._now() >= self._next or progress.done == progress.total:
            self._next = self._now() + SECONDS_BETWEEN_LINES
            text = f"{progress.done:,} of {progress.total:,} jobs, {_pace(progress)}"
            self._console.print(text, highlight=False, soft_wrap=True)


def _pace(progress: Progress) -> str:
    """Rate, time left, and the number of jobs in each state."""
    words = [f"{progress.per_second:,.0f}/s"]
    if progress.seconds_left is not None:
        words.append(f"{_duration(progress.seconds_left)} left")
    words += [f"{count:,} {state}" for state, count in progress.counts.items() if count]
    return ", ".join(words)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
