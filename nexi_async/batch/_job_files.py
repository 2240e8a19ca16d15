"""Jobs in files: CSV with a header line, or JSON lines; read line by line, whatever the size of the file."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, TextIO

import attrs

from nexi_async import _codec as codec
from nexi_async._errors import Fault, InvalidRequest
from nexi_async._models.notifications import Notifications
from nexi_async._models.order import Order, OrderItem
from nexi_async.batch._job import ChargeJob, faults_of

COLUMNS = (
    "reference",
    "subscription_id",
    "unscheduled_subscription_id",
    "external_reference",
    "currency",
    "amount",
    "name",
    "tax_rate",
)
"""What a CSV file may have in its header line, in any order."""

_JSON_ONLY = ("lines", "my_reference", "notifications")
_ITEM = ("reference", "name", "quantity", "unit", "unit_price", "unit_price_with_tax", "tax_rate")
_OF_THE_FILE = {"unitPriceWithTax": "amount", "taxRate": "tax_rate"}
_IDS = ("subscription_id", "unscheduled_subscription_id", "external_reference")
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_MAX_LINE_LENGTH = 1 << 20


@attrs.frozen
class JobLine:
    """A line of a file: a job, or the faults of an invalid line.

    Attributes:
        number: the line's number, from 1.
        job: None if the line is bad.
        faults: what is wrong with it; empty if it is good.
    """

    number: int
    job: ChargeJob | None
    faults: tuple[Fault, ...] = ()


def checked_line(number: int, job: ChargeJob) -> JobLine:
    """A line with a job, or with its faults."""
    faults = tuple(faults_of(job))
    return JobLine(number, None if faults else job, faults)


def read_jobs(path: Path) -> Iterator[JobLine]:
    """Read a file of jobs: CSV if its name ends in .csv, else JSON lines. Every line is checked.

    Raises:
        InvalidRequest: the header line of a CSV file is not usable.
        OSError: the file can't be read.
    """
    # bytes that are no UTF-8 come through as halves of surrogate pairs, which the checks of the line refuse
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        yield from _csv_lines(file) if path.suffix.lower() == ".csv" else _json_lines(file)


# --- JSON lines ----------------------------------------------------------------------------------------------------


def _json_lines(file: TextIO) -> Iterator[JobLine]:
    for number, text in enumerate(_beginnings(file), 1):
        if not text.isspace() or _is_too_long(text):
            yield _line(number, lambda text=text: _job(_document(text)))  # type: ignore[misc]


def _beginnings(file: TextIO) -> Iterator[str]:
    """Each line, but only the beginning of one that is too long."""
    while text := file.readline(_MAX_LINE_LENGTH):
        yield text
        while _is_too_long(text):
            text = file.readline(_MAX_LINE_LENGTH)


def _is_too_long(text: str) -> bool:
    return len(text) == _MAX_LINE_LENGTH and not text.endswith("\n")


def _document(text: str) -> Mapping[str, Any]:
    if _is_too_long(text):
        raise _unusable("", f"is longer than {_MAX_LINE_LENGTH:,} characters")
    document = codec.read_json(text.encode(errors="surrogateescape"))
    if not isinstance(document, dict):
        raise _unusable("", 'must be an object, e.g. {"reference": "1001", "subscription_id": "...", ...}')
    return {name: value for name, value in document.items() if value is not None}


# --- CSV -----------------------------------------------------------------------------------------------------------


def _csv_lines(file: TextIO) -> Iterator[JobLine]:
    header = file.readline(_MAX_LINE_LENGTH)
    delimiter = ";" if ";" in header and "," not in header else ","
    names = [name.strip() for name in next(csv.reader([header], delimiter=delimiter), [])]
    _check_header(names)
    rows = csv.reader(file, delimiter=delimiter)
    for row in _rows(rows):
        if row != []:
            yield _line(rows.line_num + 1, lambda row=row: _job(_cells(names, row)))  # type: ignore[misc]


def _rows(rows: Any) -> Iterator[list[str] | csv.Error]:
    """Each row below the header line, or what is wrong with it.

    Lines that an open quotation mark joins would be a row with the reference of one job and the amount of another.
    """
    while True:
        before = rows.line_num
        try:
            row = next(rows)
        except csv.Error as error:
            yield error
        except StopIteration:
            return
        else:
            joined = (
                f"a quotation mark is not closed in its line and joins the lines {before + 2} to {rows.line_num + 1}"
            )
            yield csv.Error(joined) if rows.line_num > before + 1 else row


def _check_header(names: list[str]) -> None:
    unknown = [name for name in names if name not in COLUMNS]
    missing = [name for name in ("reference", "currency", "amount") if name not in names]
    if unknown or missing or len(set(names)) < len(names):
        wrong = [f"has no {name}" for name in missing] + [f"has {name!r}, which is no column" for name in unknown]
        raise _unusable("line 1", f"{'; '.join(wrong) or 'has a column twice'}; the columns are {','.join(COLUMNS)}")


def _cells(names: list[str], row: list[str] | csv.Error) -> Mapping[str, Any]:
    if isinstance(row, csv.Error):
        raise _unusable("", f"is not CSV: {row}")
    if len(row) != len(names):
        raise _unusable("", f"has {len(row)} cells, the header line has {len(names)}")
    cells = {name: cell.strip() for name, cell in zip(names, row, strict=True) if cell.strip()}
    return cells | {name: _whole(name, cells[name]) for name in ("amount", "tax_rate") if name in cells}


def _whole(name: str, cell: str) -> int:
    if not _WHOLE.fullmatch(cell):
        unit = "minor units (12500 is 125.00)" if name == "amount" else "percent x 100 (2500 is 25 %)"
        raise _unusable(name, f"must be a whole number in {unit}")
    return int(cell)


# --- both ----------------------------------------------------------------------------------------------------------


def _line(number: int, read: Callable[[], ChargeJob]) -> JobLine:
    try:
        job = read()
    except (InvalidRequest, codec.Malformed) as error:
        return JobLine(number, None, tuple(error.faults))
    return checked_line(number, job)


def _job(given: Mapping[str, Any]) -> ChargeJob:
    _check_names(given, (*COLUMNS, *_JSON_ONLY), "")
    for name in ("reference", "currency"):
        if not isinstance(given.get(name), str):
            raise _unusable(name, "is missing" if name not in given else "must be text")
    return ChargeJob(
        reference=given["reference"],
        order=Order.of(items=_items(given), currency=given["currency"], reference=given["reference"]),
        my_reference=given.get("my_reference"),
        notifications=_notifications(given.get("notifications")),
        **{name: given.get(name) for name in _IDS},
    )


def _items(given: Mapping[str, Any]) -> Iterable[OrderItem]:
    if "lines" not in given:
        return [_only_item(given)]
    lines = given["lines"]
    doubled = [name for name in ("amount", "name", "tax_rate") if name in given]
    if doubled:
        raise _unusable(doubled[0], "belongs into the lines, which add up to the amount")
    if not isinstance(lines, list) or not lines:
        raise _unusable("lines", "must be a list with at least one order line")
    return [_item(line, f"lines[{place}]", given["reference"]) for place, line in enumerate(lines)]


def _only_item(given: Mapping[str, Any]) -> OrderItem:
    """The order's only line: the amount is its total with VAT."""
    if "amount" not in given:
        raise _unusable("amount", "is missing; give it in minor units with VAT")
    try:
        return OrderItem.of(
            reference=given["reference"],
            name=given.get("name", given["reference"]),
            unit_price_with_tax=given["amount"],
            tax_rate=given.get("tax_rate", 0),
        )
    except InvalidRequest as error:
        raise InvalidRequest([(_OF_THE_FILE.get(path, path), text) for path, text in error.faults]) from None


def _item(line: Any, path: str, reference: str) -> OrderItem:
    if not isinstance(line, dict):
        raise _unusable(path, "must be an object")
    _check_names(line, _ITEM, f"{path}.")
    if not isinstance(line.get("name"), str):
        raise _unusable(f"{path}.name", "is missing")
    quantity = line.get("quantity", 1)
    exact = Decimal(str(quantity)) if isinstance(quantity, float) else quantity
    try:
        return OrderItem.of(**{"reference": reference, **line, "quantity": exact})
    except InvalidRequest as error:
        raise InvalidRequest([(f"{path}.{fault.path}", fault.message) for fault in error.faults]) from None


def _notifications(given: Any) -> Notifications | None:
    if given is None:
        return None
    if not isinstance(given, dict) or set(given) != {"url", "authorization", "events"}:
        raise _unusable("notifications", 'must be {"url": ..., "authorization": ..., "events": [...]}')
    if not isinstance(given["events"], list):
        raise _unusable("notifications.events", "must be a list of event names")
    try:
        return Notifications.to(given["url"], authorization=given["authorization"], events=given["events"])
    except InvalidRequest as error:
        raise InvalidRequest([(f"notifications.{fault.path}", fault.message) for fault in error.faults]) from None


def _check_names(given: Mapping[str, Any], known: tuple[str, ...], prefix: str) -> None:
    unknown = [Fault(f"{prefix}{name}", f"is not known; use {', '.join(known)}") for name in given if name not in known]
    if unknown:
        raise InvalidRequest(unknown)


def _unusable(path: str, text: str) -> InvalidRequest:
    return InvalidRequest([(path, text)])
