# worker.py
import asyncio
import os

from procrastinate import App, PsycopgConnector, RetryStrategy

from nexi_async import AsyncCheckout, NexiError, Outcome, derive_key

queue = App(connector=PsycopgConnector(conninfo=os.environ.get("DATABASE_URL", "")))
checkout = AsyncCheckout(
    os.environ.get("NEXI_SECRET_KEY", "emulator-secret-key"),
    base_url=os.environ.get("NEXI_BASE_URL", "http://127.0.0.1:8400"),
    require_idempotency_keys=True,
)


class NotDecided(Exception):
    """The charge may have happened; the task is to be repeated."""


@queue.task(name="charge", retry=RetryStrategy(max_attempts=10, wait=5, retry_exceptions={NotDecided}))
async def charge(payment_id: str, amount: int) -> str:
    """Charge a payment once, however often the queue runs this task."""
    key = derive_key("ship", payment_id, 1)
    try:
        receipt = await checkout.payments.charge(payment_id, amount=amount, idempotency_key=key)
    except NexiError as error:
        if error.outcome in (Outcome.NOT_SENT, Outcome.UNKNOWN):
            raise NotDecided(str(error)) from error  # the same key next time
        raise
    return receipt.charge_id


async def main() -> None:
    async with checkout, queue.open_async():
        await queue.run_worker_async(wait=os.environ.get("WAIT", "yes") == "yes")


if __name__ == "__main__":
    asyncio.run(main())
