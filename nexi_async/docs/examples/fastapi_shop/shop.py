# shop.py
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException

from nexi_async import AsyncCheckout, Checkout, Notifications, Order, OrderItem, derive_key
from nexi_async.webhooks import CheckoutCompleted, ReservationFailed, WebhookReceiver

SHOP = "http://127.0.0.1:8000"
SECRET = "q7Lw2ZtB9fKx4RdNh3VsYc8MpEa6JgUt"  # from nexi_async.webhooks.new_authorization()

checkout = AsyncCheckout("emulator-secret-key", base_url="http://127.0.0.1:8400")
receiver = WebhookReceiver(authorization=SECRET, networks=["127.0.0.1"])  # without networks: Nexi's own addresses
paid: dict[str, int] = {}


@receiver.on("payment.checkout.completed")
async def remember(event: CheckoutCompleted) -> None:
    paid[event.payment_id] = event.order.amount.amount
    print(event.payment_id, "was paid")


@receiver.on("payment.reservation.failed")
async def explain(event: ReservationFailed) -> None:
    print(event.payment_id, "was declined:", event.error.message if event.error else "no reason given")


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with checkout, receiver:
        yield


app = FastAPI(lifespan=lifespan)
app.mount("/nexi", receiver)


@app.post("/orders")
async def order(article: str, price: int, quantity: int = 1) -> dict[str, str | None]:
    line = OrderItem.of(reference=article, name=article, quantity=quantity, unit_price=price, tax_rate=2500)
    payment = await checkout.payments.create(
        order=Order.of(items=[line], currency="SEK"),
        checkout=Checkout.hosted(return_url=f"{SHOP}/docs", terms_url=f"{SHOP}/docs"),
        notifications=Notifications.to(
            f"{SHOP}/nexi/webhooks",
            authorization=SECRET,
            events=["payment.checkout.completed", "payment.reservation.failed"],
        ),
    )
    return {"payment_id": payment.payment_id, "pay_here": payment.hosted_payment_page_url}


@app.post("/orders/{payment_id}/ship")
async def ship(payment_id: str) -> dict[str, str]:
    if payment_id not in paid:
        raise HTTPException(409, "not paid yet")
    key = derive_key("ship", payment_id, 1)  # the same for a second click, which gets the response of the first
    receipt = await checkout.payments.charge(payment_id, amount=paid[payment_id], idempotency_key=key)
    return {"charged": receipt.charge_id}
