# trio_shop.py
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

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


async def order(request: Request) -> JSONResponse:
    line = OrderItem.of(reference="mug", name="Mug", unit_price=10_000, tax_rate=2500)
    payment = await checkout.payments.create(
        order=Order.of(items=[line], currency="SEK"),
        checkout=Checkout.hosted(return_url=f"{SHOP}/", terms_url=f"{SHOP}/terms"),
        notifications=Notifications.to(f"{SHOP}/nexi/webhooks", authorization=SECRET, events=receiver.event_names),
    )
    return JSONResponse({"payment_id": payment.payment_id, "pay_here": payment.hosted_payment_page_url})


async def show(request: Request) -> JSONResponse:
    return JSONResponse({"paid": request.path_params["payment_id"] in paid})


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    async with checkout, receiver:
        yield


app = Starlette(
    routes=[
        Route("/orders", order, methods=["POST"]),
        Route("/orders/{payment_id}", show),
        Mount("/nexi", receiver),
    ],
    lifespan=lifespan,
)
