# django_shop.py
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path
from starlette.applications import Starlette
from starlette.routing import Mount

from nexi_async import AsyncCheckout, Checkout, Notifications, Order, OrderItem
from nexi_async.webhooks import CheckoutCompleted, WebhookReceiver

SHOP = "http://127.0.0.1:8000"
SECRET = "q7Lw2ZtB9fKx4RdNh3VsYc8MpEa6JgUt"

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1"], SECRET_KEY="only-for-this-example")
django.setup()

checkout = AsyncCheckout("emulator-secret-key", base_url="http://127.0.0.1:8400")
receiver = WebhookReceiver(authorization=SECRET, networks=["127.0.0.1"])
paid: set[str] = set()


@receiver.on("payment.checkout.completed")
async def remember(event: CheckoutCompleted) -> None:
    paid.add(event.payment_id)


async def order(request: HttpRequest) -> JsonResponse:
    line = OrderItem.of(reference="mug", name="Mug", unit_price=10_000, tax_rate=2500)
    payment = await checkout.payments.create(
        order=Order.of(items=[line], currency="SEK"),
        checkout=Checkout.hosted(return_url=f"{SHOP}/", terms_url=f"{SHOP}/terms"),
        notifications=Notifications.to(f"{SHOP}/nexi/webhooks", authorization=SECRET, events=receiver.event_names),
    )
    return JsonResponse({"payment_id": payment.payment_id, "pay_here": payment.hosted_payment_page_url})


async def show(request: HttpRequest, payment_id: str) -> JsonResponse:
    return JsonResponse({"paid": payment_id in paid})


urlpatterns = [path("orders", order), path("orders/<payment_id>", show)]


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    async with checkout, receiver:
        yield


# Django has no lifespan and mounts no ASGI apps; Starlette, which comes with nexi-async, does both around it.
app = Starlette(routes=[Mount("/nexi", receiver), Mount("/", get_asgi_application())], lifespan=lifespan)
