"""Tests of nexi_async.batch._job_files."""

from __future__ import annotations

import itertools
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexi_async import InvalidRequest
from nexi_async.batch._job_files import COLUMNS, JobLine, read_jobs

HEADER = "reference,subscription_id,currency,amount,name,tax_rate\n"


def of_csv(folder: Path, content: str | bytes) -> list[JobLine]:
    """The lines of a CSV file with this content."""
    file = folder / "jobs.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_jobs(file))


def of_json(folder: Path, *documents: Any) -> list[JobLine]:
    """The lines of a JSON lines file with these documents."""
    file = folder / "jobs.jsonl"
    file.write_text(
        "\n".join(document if isinstance(document, str) else json.dumps(document) for document in documents)
    )
    return list(read_jobs(file))


def complaint(line: JobLine) -> str:
    """The one fault of a bad line."""
    assert line.job is None
    (fault,) = line.faults
    return str(fault)


# --- CSV -----------------------------------------------------------------------------------------------------------


def test_the_amount_is_the_total_with_vat(tmp_path: Path) -> None:
    """One order line whose gross total is the amount to the last minor unit."""
    (line,) = of_csv(tmp_path, HEADER + "1001,sub1,SEK,9999,Box,2500\n")

    assert line.job is not None
    assert (line.number, line.job.reference, line.job.subscription_id) == (2, "1001", "sub1")
    assert (line.job.order.amount, line.job.order.items[0].tax_amount) == (9999, 2000)


def test_all_columns_are_read(tmp_path: Path) -> None:
    """The whole header line; empty cells are not given."""
    (line,) = of_csv(tmp_path, ",".join(COLUMNS) + "\n1,,u1,,NOK,500,Åre,1200\n")

    assert line.job is not None
    assert (line.job.subscription_id, line.job.unscheduled_subscription_id) == (None, "u1")
    assert line.job.order.items[0].name == "Åre"


def test_columns_come_in_any_order_and_separated_by_semicolons_too(tmp_path: Path) -> None:
    """As spreadsheets write it: a byte order mark, semicolons, CRLF."""
    content = "\ufeffamount;currency;reference;external_reference\r\n100;EUR;1;old-1\r\n"

    (line,) = of_csv(tmp_path, content)

    assert line.job is not None
    assert (line.job.external_reference, line.job.order.amount) == ("old-1", 100)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("1,s,SEK,12.50,Box,0", "amount: must be a whole number in minor units"),
        ("1,s,SEK,100,Box,25%", "tax_rate: must be a whole number in percent x 100"),
        ("1,s,SEK,0,Box,0", "order.amount: must be greater than 0"),
        ("1,s,sek,100,Box,0", "currency: must be a three-letter"),
        ("1,,SEK,100,Box,0", "subscription_id: give exactly one"),
        (",s,SEK,100,Box,0", "reference: is missing"),
        ("1,s,SEK,,Box,0", "amount: is missing"),
        ("1,s,SEK,100", "has 4 cells, the header line has 6"),
    ],
)
def test_a_bad_row_says_what_is_wrong_and_the_next_is_read(tmp_path: Path, row: str, expected: str) -> None:
    """One bad line spoils nothing but itself."""
    bad, good = of_csv(tmp_path, f"{HEADER}{row}\n2,s,SEK,100,Box,0\n")

    assert expected in complaint(bad)
    assert (bad.number, good.number, good.faults) == (2, 3, ())


@pytest.mark.parametrize("second", ['B,t,"Bar",SEK,200', 'B,t,Bar",SEK,200'])
def test_an_open_quotation_mark_gives_no_job_the_amount_of_another(tmp_path: Path, second: str) -> None:
    """The rows that it joins are refused as one, and the next is read."""
    header = "reference,subscription_id,name,currency,amount"
    joined, last = of_csv(tmp_path, f'{header}\nA,s,"Foo,SEK,100\n{second}\nC,u,x,SEK,300\n')

    assert "a quotation mark is not closed in its line and joins the lines 2 to 3" in complaint(joined)
    assert (last.number, last.job and last.job.order.amount) == (4, 300)


def test_bytes_that_are_no_text_spoil_one_line(tmp_path: Path) -> None:
    """A line in another encoding is refused, the rest is read."""
    bad, good = of_csv(tmp_path, HEADER.encode() + b"1,s,SEK,100,B\xf6x,0\n2,s,SEK,100,Box,0\n")

    assert "half of a surrogate pair" in complaint(bad)
    assert good.job is not None


@pytest.mark.parametrize(
    "header", ["reference,amount", "reference,currency,amount,price", "", "amount,amount,currency"]
)
def test_an_unusable_header_line_names_the_columns(tmp_path: Path, header: str) -> None:
    """Without the right columns no line can be read."""
    with pytest.raises(InvalidRequest, match=r"line 1: .* the columns are reference,subscription_id"):
        of_csv(tmp_path, header + "\n1,2,3\n")


# --- JSON lines ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", ["", "x", " " * (1 << 20)])
def test_a_line_that_is_too_long_is_one_bad_line(tmp_path: Path, before: str) -> None:
    """No part of it is read as a job, and the lines after it keep their numbers."""
    job = {"reference": "1", "subscription_id": "s1", "currency": "SEK", "amount": 100}
    padded = before + json.dumps(job) + " " * (1 << 21) + json.dumps(job)

    long, short = of_json(tmp_path, padded, job)

    assert (long.number, complaint(long)) == (1, "is longer than 1,048,576 characters")
    assert (short.number, short.faults) == (2, ())


def test_json_lines_take_the_same_names(tmp_path: Path) -> None:
    """The amount is the total with VAT here too; empty lines are passed over."""
    first, second = of_json(
        tmp_path,
        {"reference": "1", "subscription_id": "s", "currency": "SEK", "amount": 12500, "tax_rate": 2500},
        " ",
        {"reference": "2", "unscheduled_subscription_id": "u", "currency": "SEK", "amount": 1, "my_reference": "m"},
    )

    assert first.job is not None
    assert second.job is not None
    assert (first.job.order.items[0].tax_amount, second.number, second.job.my_reference) == (2500, 3, "m")


def test_several_order_lines(tmp_path: Path) -> None:
    """`lines` are order lines with a price each, fractions of a quantity and discounts included."""
    lines = [
        {"name": "Coffee", "quantity": 0.5, "unit_price": 1000, "tax_rate": 2500},
        {"name": "Discount", "unit_price_with_tax": -100},
    ]
    (line,) = of_json(tmp_path, {"reference": "1", "subscription_id": "s", "currency": "SEK", "lines": lines})

    assert line.job is not None
    assert line.job.order.amount == 525


def test_notifications(tmp_path: Path) -> None:
    """One address for several events."""
    hooks = {"url": "https://shop.example/hooks", "authorization": "abcdefgh", "events": ["payment.charge.failed"]}
    base = {"reference": "1", "subscription_id": "s", "currency": "SEK", "amount": 100}
    misspelt = hooks | {"events": ["payment.charge.faild"]}
    good, bad, worse = of_json(
        tmp_path, *(base | {"notifications": given} for given in (hooks, {"url": "x"}, misspelt))
    )
    assert "notifications.events[0]: no event is called 'payment.charge.faild'" in complaint(worse)

    assert good.job is not None
    assert good.job.notifications is not None
    assert good.job.notifications.web_hooks[0].event_name == "payment.charge.failed"
    assert "notifications: must be" in complaint(bad)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("{", "body: is not JSON"),
        ("[1]", "must be an object"),
        ({"amount": 100.5}, "amount: must be a whole number"),
        ({"amount": True}, "amount: must be a whole number"),
        ({"amount": 100, "prise": 1}, "prise: is not known"),
        ({"lines": []}, "lines: must be a list"),
        ({"lines": ["x"]}, "lines[0]: must be an object"),
        ({"lines": [{"name": "a", "price": 1}]}, "lines[0].price: is not known"),
        ({"lines": [{"name": "a", "unit_price": 1.5}]}, "lines[0].unitPrice: must be a whole number"),
        ({"lines": [{"unit_price": 1}]}, "lines[0].name: is missing"),
        ({"lines": [{"name": "a", "unit_price": 1}], "amount": 1}, "amount: belongs into the lines"),
        ({"amount": 100, "reference": 1001}, "reference: must be text"),
    ],
)
def test_a_bad_document_says_where(tmp_path: Path, document: Any, expected: str) -> None:
    """The place within the line is named."""
    base = {"reference": "1", "subscription_id": "s", "currency": "SEK"}
    (line,) = of_json(tmp_path, base | document if isinstance(document, dict) else document)

    assert expected in complaint(line)


# --- anything ------------------------------------------------------------------------------------------------------


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(content=st.binary(max_size=200), suffix=st.sampled_from(["csv", "jsonl"]))
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes, suffix: str) -> None:
    """No content raises anything but the refusal of a header line."""
    file = tmp_path / f"any.{suffix}"
    file.write_bytes(HEADER.encode() * (content[:1] > b"\x80") + content)
    try:
        lines = list(read_jobs(file))
    except InvalidRequest:
        assert suffix == "csv"
    else:
        assert all((line.job is None) == bool(line.faults) for line in lines)


def test_a_large_file_is_read_in_little_memory(tmp_path: Path) -> None:
    """Lines are read one by one."""
    file = tmp_path / "many.csv"
    file.write_text(HEADER + "".join(f"{place},s,SEK,100,{'x' * 100},0\n" for place in range(40_000)))
    tracemalloc.start()
    try:
        count = sum(1 for _ in itertools.islice(read_jobs(file), 5_000))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert count == 5_000
    assert peak < 1_000_000
