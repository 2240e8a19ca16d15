"""Many rows as one JSON value, on the way in and out, as each database spells it.

Row by row the database thread would pass the interpreter lock to the event loop and back, which costs more than the
database itself.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, Text, bindparam, cast, column, func, select
from sqlalchemy.dialects import postgresql


def as_one_value(dialect: str, rows: Select[Any]) -> Select[Any]:
    """The rows of a statement as one array of arrays, in no certain order; null if there are none."""
    columns = rows.subquery("found").c
    if dialect == "postgresql":
        return select(cast(func.json_agg(func.json_build_array(*columns)), Text))
    return select(func.json_group_array(func.json_array(*columns)))


def text_of(dialect: str, utf8: ColumnElement[bytes]) -> ColumnElement[str]:
    """UTF-8 bytes as text, since JSON has no bytes."""
    return func.convert_from(utf8, "UTF8") if dialect == "postgresql" else cast(utf8, Text)


def numbers_in(dialect: str, parameter: str) -> Select[Any]:
    """The numbers of an array that is a parameter."""
    array = bindparam(parameter, type_=Text)
    if dialect == "postgresql":
        values = func.json_array_elements_text(cast(array, postgresql.JSON)).table_valued("value", name="numbers")
        return select(cast(values.c.value, BigInteger))
    return select(func.json_each(array).table_valued("value", name="numbers").c.value)


def rows_in(dialect: str, parameter: str, *, integers: tuple[str, ...], texts: tuple[str, ...]) -> dict[str, Any]:
    """The columns of an array of objects that is a parameter, by their names."""
    array = bindparam(parameter, type_=Text)
    if dialect == "postgresql":
        columns: list[Any] = [column(name, BigInteger) for name in integers]
        columns += [column(name, Text) for name in texts]
        rows = func.json_to_recordset(cast(array, postgresql.JSON))
        return dict(rows.table_valued(*columns, name="rows").render_derived(with_types=True).c)
    value = func.json_each(array).table_valued("value", name="rows").c.value
    return {name: func.json_extract(value, f"$.{name}") for name in (*integers, *texts)}
