"""Makes the pictures of the documentation: `python nexi_async/docs/pictures.py [NAME ...]`, with the extra [dev].

Terminals are drawn by rich from what the commands print; pages by a headless Chromium from an emulator of this run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import anyio
import httpx
from anyio.from_thread import start_blocking_portal
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from nexi_async import AsyncCheckout, Checkout, CreatedPayment, Notifications, Order, OrderItem
from nexi_async.batch import BatchCharger, ChargeJob, Ledger
from nexi_async.emulator import CheckoutEmulator
from nexi_async.emulator._server import serve

FOLDER = Path(__file__).parent / "pages" / "pictures"
SCRIPTS = Path(sys.executable).parent
WIDTH = 100
OWN_FONTS = re.sub(r"@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
"""The format of rich without fonts from another host."""


# --- terminals -----------------------------------------------------------------------------------------------------


def show_terminal(name: str, *command: str, last: int = 40, cwd: Path | None = None) -> None:
    """Run a command and draw the last lines that it prints."""
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    done = subprocess.run(
        [SCRIPTS / command[0], *command[1:]], env=environment, cwd=cwd, capture_output=True, text=True, check=False
    )
    lines = [_final(line) for line in (done.stdout + done.stderr).splitlines()]
    draw_terminal(name, " ".join(command), "\n".join(lines[-last:]).strip("\n"))


def _final(line: str) -> str:
    """What is left of a line that was drawn over."""
    return re.sub(r"\x1b\[\?25[hl]|\x1b\[\d*A", "", re.split(r"\x1b\[2K|\r", line)[-1])


def draw_terminal(name: str, title: str, text: str) -> None:
    """Draw text with its colours as it looks in a terminal."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True)
        console.print(Text.from_ansi(text))
        svg = console.export_svg(title=title, code_format=OWN_FONTS, unique_id=name)
    (FOLDER / f"{name}.svg").write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n")


# --- pages ---------------------------------------------------------------------------------------------------------


@contextmanager
def emulator() -> Iterator[tuple[str, CreatedPayment]]:
    """The address of an emulator, and a payment to look at."""

    async def run(*, task_status: anyio.abc.TaskStatus[tuple[str, CreatedPayment]]) -> None:
        async with CheckoutEmulator(seed=7) as app, anyio.create_task_group() as group:
            listening = await group.start(partial(serve, app, port=0))
            async with AsyncCheckout(app.secret_key, base_url=listening.url) as checkout:
                task_status.started((listening.url, await create_payments(checkout, app)))
            await anyio.sleep_forever()

    with start_blocking_portal() as portal:
        future, found = portal.start_task(run)
        try:
            yield found
        finally:
            future.cancel()


async def create_payments(checkout: AsyncCheckout, app: CheckoutEmulator) -> CreatedPayment:
    """Some payments in several states; returns one that is not paid."""
    lines = [
        OrderItem.of(reference="mug", name="Mug, blue", quantity=2, unit_price=10_000, tax_rate=2500),
        OrderItem.of(reference="beans", name="Coffee beans, 500 g", unit_price_with_tax=14_900, tax_rate=1200),
    ]
    created = [
        await checkout.payments.create(
            order=Order.of(items=lines, currency="SEK", reference=f"order-{number}"),
            checkout=Checkout.hosted(return_url="https://shop.example/done", terms_url="https://shop.example/terms"),
            notifications=Notifications.to(
                "http://127.0.0.1:9/nexi", authorization="q7Lw2ZtB9fKx4RdN", events=["payment.checkout.completed"]
            ),
        )
        for number in (17, 18, 19, 20)
    ]
    app.pay(created[0].payment_id)
    await checkout.payments.charge(created[0].payment_id, amount=39_900)
    app.pay(created[1].payment_id)
    app.decline(created[2].payment_id, code="51")
    return created[3]


def photograph(name: str, url: str, *, width: int = 900, height: int = 800) -> None:
    """Save what a browser shows at an address."""
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("Pictures of pages need chromium.")
    with tempfile.TemporaryDirectory() as profile:
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"]
        options += ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic"]
        options += [f"--user-data-dir={profile}", f"--window-size={width},{height}", "--force-device-scale-factor=1"]
        options += [f"--screenshot={FOLDER / name}.png"]
        subprocess.run([chromium, *options, url], check=True, capture_output=True, timeout=120)


def show_hosted_page() -> None:
    """The page on which a shopper pays."""
    with emulator() as (_, payment):
        photograph("hosted-page", str(payment.hosted_payment_page_url), height=900)


def show_portal() -> None:
    """The emulator's list of payments."""
    with emulator() as (url, _):
        photograph("portal", f"{url}/", width=1100, height=700)


def show_batch_report() -> None:
    """The report of a batch for people in finance."""
    with tempfile.TemporaryDirectory() as folder, emulator() as (url, _):
        sign_up = {"count": 300, "kind": "scheduled"}
        subscriptions = httpx.post(f"{url}/emulator/subscriptions", json=sign_up, trust_env=False).json()["ids"]
        anyio.run(charge_batch, url, f"sqlite:///{folder}/ledger.db", subscriptions)
        report = ["batch", "report", "--run", "2026-10", "--ledger", f"sqlite:///{folder}/ledger.db"]
        subprocess.run([SCRIPTS / "nexi-async", *report, "--html", f"{folder}/report.html"], check=True)
        photograph("batch-report", f"file://{folder}/report.html", height=1000)


async def charge_batch(url: str, ledger_url: str, subscriptions: list[str]) -> None:
    """Charge subscriptions, some of which are declined."""
    declined = {7: 151, 19: 105, 42: 141}  # minor units that provoke an acquirer's code
    jobs = [
        ChargeJob(
            reference=f"customer-{number}",
            subscription_id=subscription,
            order=Order.of(
                items=[OrderItem.of(reference="plan", name="Plan", unit_price=declined.get(number % 50, 14_900))],
                currency=("SEK", "NOK", "EUR")[number % 3],
            ),
        )
        for number, subscription in enumerate(subscriptions)
    ]
    checkout = AsyncCheckout("emulator-secret-key", base_url=url)
    async with checkout, Ledger.open(ledger_url) as ledger:
        await ledger.plan("2026-10", jobs)
        async with BatchCharger(checkout, ledger, run="2026-10", concurrency=20) as results:
            async for _ in results:
                pass


PICTURES: dict[str, Callable[[], None]] = {
    "demo": lambda: show_terminal("demo", "nexi-async", "demo", last=17),
    "help": lambda: show_terminal("help", "nexi-async", "--help", last=60),
    "batch-report": show_batch_report,
    "hosted-page": show_hosted_page,
    "portal": show_portal,
}


def main(names: list[str]) -> None:
    """Make the pictures of these names; all of them if there is none."""
    FOLDER.mkdir(exist_ok=True)
    for name in names or PICTURES:
        PICTURES[name]()
        print(name)


if __name__ == "__main__":
    main(sys.argv[1:])
