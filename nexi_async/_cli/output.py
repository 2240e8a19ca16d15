"""What a command prints: tables for people or JSON for programs on standard output, everything else on standard error.

A reader that closes the pipe early changes nothing about what was done, so it does not change the exit status either.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import attrs
import typer
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from nexi_async._codec import as_json, plain

T = TypeVar("T")

_UNLIMITED = 10_000
"""Columns of a table that goes into a pipe: lines are never broken for a program that reads them."""


@attrs.define
class Output:
    """Where a command prints.

    Attributes:
        as_json: print JSON instead of tables.
        is_closed: the reader of standard output has gone.
    """

    as_json: bool
    is_closed: bool = False

    def show(self, document: object, table: RenderableType) -> None:
        """Print one result: the document as JSON, or the table."""
        if self.as_json:
            self.json(document)
        else:
            with self._until_closed():
                Console(width=None if sys.stdout.isatty() else _UNLIMITED, highlight=False).print(table)

    def json(self, document: object) -> None:
        """Print a JSON document on a line of its own."""
        self.line(as_json(document).decode())

    def line(self, text: str) -> None:
        """Print a line."""
        with self._until_closed():
            typer.echo(text)
            sys.stdout.flush()

    def note(self, text: str) -> None:
        """Print what is no result, on standard error."""
        with contextlib.suppress(BrokenPipeError):
            typer.echo(_printable(text), err=True)

    @contextlib.contextmanager
    def _until_closed(self) -> Iterator[None]:
        if self.is_closed:
            return (yield)
        try:
            yield
        except BrokenPipeError:
            self.is_closed = True
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered goes nowhere


def document_of(model: T, *, personal_data: bool) -> Any:
    """A model as plain JSON values with the API's own names.

    Without `personal_data` every member is left out that its model keeps out of its repr: the shopper, the expiry date
    of a card, the account of a payout.
    """
    return plain(model if personal_data else _without_personal_data(model))


def _without_personal_data(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_without_personal_data, value))
    if not attrs.has(type(value)):
        return value
    changes = {
        attribute.alias: None if attribute.repr is False else _without_personal_data(getattr(value, attribute.name))
        for attribute in attrs.fields(type(value))
    }
    return attrs.evolve(value, **changes)


def facts_table(facts: Iterable[tuple[str, object]]) -> Table:
    """Names with their values, one a line; what has no value is left out."""
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(overflow="fold")
    for name, value in facts:
        if value is not None and value != "":
            table.add_row(Text(name), cell(value))
    return table


def rows_table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> Table:
    """A table without lines, as other programs can read it too."""
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for column in table.columns:
        column.overflow = "fold"
    for row in rows:
        table.add_row(*map(cell, row))
    return table


def cell(value: object) -> Text:
    """A value as text without markup or control characters, whoever wrote it; "-" where there is none."""
    return Text("-" if value is None or value == "" else _printable(str(value)))


def _printable(text: str) -> str:
    """Text that can't steer a terminal."""
    return "".join(char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in text)
