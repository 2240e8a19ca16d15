"""Every failure is logged, with and without a configuration of logging, and no sender can forge a line."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from nexi_async.webhooks import Event, WebhookReceiver, deliveries
from nexi_async.webhooks._log_fields import StandardError, escaped, facts, logger
from tests.webhooks.support import AUTHORIZATION, deliver

FORGED = "payment.created\n2026-11-24 ERROR root: all money is gone\x1b[2K\r\u2028\x85"


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def unconfigured(*, propagates: bool = False) -> Iterator[Clock]:
    """A program that has not configured logging; in the block, for pytest attaches handlers before each test."""
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logger, "handlers", [StandardError(clock)])
        patch.setattr(logger, "propagate", propagates)
        yield clock


# --- without a configuration ---------------------------------------------------------------------------------------


def test_warnings_and_errors_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, as Python shows them for loggers without handlers; what is only information is not."""
    with unconfigured():
        logger.info("handled %s", "payment.created")
        logger.warning("refused %r", "bb02")
        logger.error("failed")
    assert capsys.readouterr() == ("", "refused 'bb02'\nfailed\n")


def test_a_flood_is_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    """The first of a cause is shown at once, further ones within a minute are counted; other causes are not held up."""
    with unconfigured() as clock:
        for number in range(5):
            logger.warning("refused %d", number)
            logger.warning("failed %d", number, exc_info=KeyError() if number else ValueError())
        shown = capsys.readouterr().err.splitlines()
        assert shown == ["refused 0", "failed 0", "  ValueError", "failed 1", "  KeyError"]
        clock.now = 60.0
        logger.warning("refused 5")
    assert capsys.readouterr().err.splitlines() == [
        "4 more within a minute, the first was: refused 0",
        "3 more within a minute, the first was: failed 1",
        "refused 5",
    ]


def test_the_number_is_logged_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    """A program that stops within the minute logs how many there were; nothing is logged twice."""
    with unconfigured():
        for _ in range(3):
            logger.warning("refused")
        for _ in range(2):
            logger.handlers[0].flush()
    assert capsys.readouterr().err == "refused\n2 more within a minute, the first was: refused\n"


class Collecting(logging.Handler):
    """Keeps what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(record)


def test_a_configured_handler_is_not_doubled(capsys: pytest.CaptureFixture[str]) -> None:
    """An attached handler gets every record, and standard error gets none."""
    collecting = Collecting()
    with unconfigured():
        logger.addHandler(collecting)
        for _ in range(3):
            logger.warning("refused")
    assert (len(collecting.seen), capsys.readouterr().err) == (3, "")


@pytest.mark.parametrize(("handler", "shown"), [(logging.NullHandler(), "refused\n"), (Collecting(), "")])
def test_handlers_above_count(
    handler: logging.Handler, shown: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those of the root logger too; the NullHandler that the package itself has does not."""
    with unconfigured(propagates=True):
        monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
        logger.warning("refused")
    assert capsys.readouterr().err == shown


@pytest.mark.parametrize("last_resort", [None, logging.NullHandler(logging.CRITICAL)])
def test_whoever_wants_silence_gets_it(
    last_resort: logging.Handler | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`logging.lastResort` decides, as for every other logger."""
    monkeypatch.setattr(logging, "lastResort", last_resort)
    with unconfigured():
        logger.error("refused")
        logger.error("refused")
        logger.handlers[0].flush()
    assert capsys.readouterr().err == ""


# --- what senders write --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["payment.created", "Ångström 10 €", "", "a b"])
def test_plain_text_stays(text: str) -> None:
    """What can be printed is left alone, in any language."""
    assert escaped(text) == text


def test_control_characters_are_written_out() -> None:
    """Newlines of every kind, escape sequences, and halves of characters."""
    assert escaped("a\nb\r\x1b\u2028\x85\x00\ud800") == r"a\nb\r\x1b\u2028\x85\x00\ud800"


async def raise_it(event: Event) -> None:
    """Fail with what the sender wrote."""
    raise RuntimeError(event.name)


async def take(event: Event) -> None:
    """Handle it."""


@pytest.mark.parametrize(
    ("options", "scope", "body"),
    [
        ({"fallback": take}, {}, deliveries.sample(FORGED)),
        ({"fallback": raise_it}, {}, deliveries.sample(FORGED)),
        ({}, {}, deliveries.sample(FORGED)),
        ({"fallback": take}, {"client": (FORGED, 5)}, b""),
        ({"fallback": take}, {}, json.dumps({"event": FORGED, "id": FORGED, "data": FORGED}).encode()),
        ({"fallback": raise_it}, {}, deliveries.sample("payment.created", payment_id=FORGED)),
        ({"fallback": take, "authorization": raise_it}, {}, deliveries.sample("payment.created", payment_id=FORGED)),
    ],
)
async def test_no_sender_writes_the_log(
    options: Any, scope: Any, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever a sender puts into names and ids, no line of the log begins with it; fields for machines neither."""
    settled: Any = {"authorization": AUTHORIZATION} | options
    with caplog.at_level(logging.INFO, "nexi_async.webhooks"):
        await deliver(WebhookReceiver(**settled), body, **scope)
    assert caplog.records
    for record in caplog.records:
        first, *traceback = logging.Formatter().format(record).split("\n")
        fields = [value for name, value in vars(record).items() if name.startswith("nexi_") and value]
        assert all(line.isprintable() for line in [first, *traceback, *fields])
        assert all(line.startswith("  ") for line in traceback)


def test_values_of_any_kind_can_be_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Numbers stay numbers, exceptions are shown by their text, and no payment is no payment."""
    logger.warning("%d of %s: %s", 1, "a\nb", ValueError("c\nd"), extra=facts("e\nf", "id", None))
    logger.warning("%(one)s", {"one": 1})
    assert caplog.messages == [r"1 of a\nb: c\nd", "1"]
    assert [vars(caplog.records[0])[name] for name in ("nexi_event", "nexi_payment")] == [r"e\nf", None]
