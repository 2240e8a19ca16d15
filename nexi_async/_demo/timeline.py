"""The timeline: who does what and when, line by line, and on a terminal a progress bar."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

_STYLES = {"shop": "cyan", "shopper": "green", "webhook": "magenta", "emulator": "yellow"}
_LABEL_WIDTH = 9
_WHO_WIDTH = 8


class Timeline:
    """Prints what happens; plain lines if the console is not a terminal."""

    def __init__(self, console: Console, *, now: Callable[[], float] = time.monotonic) -> None:
        self.console = console
        self._now = now
        self._began = now()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=console,
            auto_refresh=False,
            transient=True,
            disable=not console.is_terminal,
        )

    def log(self, label: str, who: str, text: str) -> None:
        """Print one line: the order or other subject, who acts, and what they do."""
        line = Text.assemble(
            (f"{self._now() - self._began:7.2f} s  ", "dim"),
            (f"{label:<{_LABEL_WIDTH}.{_LABEL_WIDTH}}  ", "bold"),
            (f"{who:<{_WHO_WIDTH}}  ", _STYLES.get(who, "")),
            text,
        )
        self.console.print(line, soft_wrap=True)

    @contextmanager
    def section(self, name: str, steps: int) -> Iterator[None]:
        """A section of the demo with this many steps; `advance` counts them."""
        self.console.print()
        self.console.print(Text(name, style="bold"))
        task = self._progress.add_task(name, total=steps)
        with self._progress:
            yield
        self._progress.remove_task(task)

    def advance(self) -> None:
        """Count one step of the section as done."""
        for task in self._progress.task_ids:
            self._progress.update(task, advance=1, refresh=True)
