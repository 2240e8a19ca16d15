"""What `nexi-async batch worker` does."""

from __future__ import annotations

import logging
from datetime import timedelta

from rich.console import Console

from nexi_async._cli.batch_work import opened_ledger, report_end, report_interrupted, until_signalled
from nexi_async._cli.exit_status import ExitStatus
from nexi_async._cli.output import Output
from nexi_async._cli.settings import Settings
from nexi_async.batch import JobResult, ShardWorker

LINE_EVERY = 1000
"""How many jobs pass between two lines of progress."""
QUEUE_LIBRARIES = ("procrastinate", "psycopg")


async def work(
    run: str,
    url: str,
    settings: Settings,
    output: Output,
    *,
    concurrency: int,
    rate: float | None,
    key_lifetime: timedelta,
) -> ExitStatus:
    """Charge shards of a run, until there are none or a signal comes."""
    for library in QUEUE_LIBRARIES:  # an outage is reported in one line, and retried
        logging.getLogger(library).addHandler(logging.NullHandler())
    console = Console(stderr=output.as_json)
    charged = 0

    def count(_: JobResult) -> None:
        nonlocal charged
        charged += 1
        if charged == 1 or charged % LINE_EVERY == 0:
            console.print(f"{charged:,} jobs done here", highlight=False)

    async with (
        settings.client({"max_connections": concurrency}) as checkout,
        opened_ledger(url, key_lifetime) as ledger,
    ):
        worker = ShardWorker(checkout, ledger, url, run=run, concurrency=concurrency, rate=rate, on_result=count)
        is_at_end = await until_signalled(worker.work, worker.stop)
        return await report_end(ledger, run, worker.stop_reason, output) if is_at_end else report_interrupted()
