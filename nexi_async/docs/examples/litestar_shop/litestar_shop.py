# litestar_shop.py
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar, asgi, get, post
from litestar.params import FromPath

from nexi_async import AsyncCheckout, Checkout, Notifications, Order, OrderItem
from nexi_async.webhooks import CheckoutCompleted, WebhookReceiver

SHOP = "http://127.0.0.1:8000"
SECRET = "q7Lw2ZtB9fKx4RdNh3VsYc8MpEa6JgUt"

checkout = AsyncCheckout("emulator-secret-key", base_url="http://127.0.0.1:8400")
receiver = WebhookReceiver(authorization=SECRET, networks=["127.0.0.1"])
paid: set[str] = set()


@receiver.on("payment.checkout.completed")
async def remember(event: CheckoutCompleted) -> None:
    paid.add(event.payment_id)


@post("/orders")
async def order() -> dict[str, str | None]:
    line = OrderItem.of(reference="mug", name="Mug", unit_price=10_000, tax_rate=2500)
    payment = await checkout.payments.create(
        order=Order.of(items=[line], currency="SEK"),
        checkout=Checkout.hosted(return_url=f"{SHOP}/", terms_url=f"{SHOP}/terms"),
        notifications=Notifications.to(f"{SHOP}/nexi/webhooks", authorization=SECRET, events=receiver.event_names),
    )
    return {"payment_id": payment.payment_id, "pay_here": payment.hosted_payment_page_url}


@get("/orders/{payment_id:str}")
async def show(payment_id: FromPath[str]) -> dict[str, bool]:
    return {"paid": payment_id in paid}


@asynccontextmanager
async def lifespan(_: Litestar) -> AsyncIterator[None]:
    async with checkout, receiver:
        yield


webhooks = asgi("/nexi", is_mount=True, copy_scope=True)(receiver)
app = Litestar(route_handlers=[order, show, webhooks], lifespan=[lifespan])
