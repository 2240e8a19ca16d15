# inbox_shop.py
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException
from starlette.routing import Route

from nexi_async import AsyncCheckout, Checkout, Notifications, Order, OrderItem, Payment, derive_key
from nexi_async.webhooks import CheckoutCompleted, SQLInbox, WebhookReceiver

SHOP = os.environ.get("SHOP_URL", "http://127.0.0.1:8000")
SECRETS = os.environ["NEXI_WEBHOOK_AUTHORIZATION"].split(",")  # the current value, then previous ones
NETWORKS = os.environ.get("WEBHOOK_NETWORKS")  # 127.0.0.1 for the emulator; without it Nexi's own

checkout = AsyncCheckout()  # NEXI_SECRET_KEY, and NEXI_ENVIRONMENT or NEXI_BASE_URL
receiver = WebhookReceiver(
    environment="live" if os.environ.get("NEXI_ENVIRONMENT") == "live" else "test",
    authorization=SECRETS,  # several, since a payment keeps its value for life
    networks=NETWORKS.split(",") if NETWORKS else None,
    trusted_proxies=os.environ.get("TRUSTED_PROXIES", "127.0.0.1").split(","),
    inbox=SQLInbox(os.environ.get("NEXI_INBOX", "sqlite:///inbox.db")),
    refetch=checkout.payments.retrieve,  # for handlers with a second parameter: the payment as it is now
)
reserved: dict[str, int] = {}  # a shop has a database here


@receiver.on("payment.checkout.completed")
async def remember(event: CheckoutCompleted, payment: Payment) -> None:
    reserved[event.payment_id] = payment.summary.reserved_amount


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with checkout, receiver:  # the client first, since handlers need it
        yield


app = FastAPI(lifespan=lifespan, routes=[Route("/metrics", receiver.metrics)])  # keep it off the internet
app.mount("/nexi", receiver)


@app.post("/orders")
async def order(article: str, price: int, quantity: int = 1) -> dict[str, str | None]:
    line = OrderItem.of(reference=article, name=article, quantity=quantity, unit_price=price, tax_rate=2500)
    payment = await checkout.payments.create(
        order=Order.of(items=[line], currency="SEK"),
        checkout=Checkout.hosted(return_url=f"{SHOP}/docs", terms_url=f"{SHOP}/docs"),
        notifications=Notifications.to(f"{SHOP}/nexi/webhooks", authorization=SECRETS[0], events=receiver.event_names),
    )
    return {"payment_id": payment.payment_id, "pay_here": payment.hosted_payment_page_url}


@app.post("/orders/{payment_id}/ship")
async def ship(payment_id: str) -> dict[str, str]:
    payment = await checkout.payments.retrieve(payment_id)  # any worker may have handled the event
    if not payment.summary.reserved_amount:
        raise HTTPException(409, "not paid yet")
    key = derive_key("ship", payment_id, 1)
    receipt = await checkout.payments.charge(payment_id, amount=payment.summary.reserved_amount, idempotency_key=key)
    return {"charged": receipt.charge_id}
