# subscribe.py
import anyio

from nexi_async import AsyncCheckout, Checkout, Order, OrderItem, SubscriptionSetup, derive_key

SHOP = "http://127.0.0.1:8000"
COFFEE = OrderItem.of(reference="coffee", name="Coffee, every month", unit_price_with_tax=14_900, tax_rate=1200)
ORDER = Order.of(items=[COFFEE], currency="SEK")


async def main() -> None:
    async with AsyncCheckout("emulator-secret-key", base_url="http://127.0.0.1:8400") as checkout:
        payment = await checkout.payments.create(
            order=ORDER,
            checkout=Checkout.hosted(return_url=f"{SHOP}/docs", terms_url=f"{SHOP}/docs", charge=True),
            subscription=SubscriptionSetup(interval=0),
        )
        print("Pay the first month here:", payment.hosted_payment_page_url)
        await anyio.to_thread.run_sync(input, "Then press Enter.\n")

        signed_up = await checkout.payments.retrieve(payment.payment_id)
        if signed_up.subscription is None:
            raise SystemExit("The payment is not completed.")
        subscription_id = signed_up.subscription.id
        key = derive_key("2026-12", subscription_id, 1)  # the same for every repetition of this charge
        receipt = await checkout.subscriptions.charge(subscription_id, order=ORDER, idempotency_key=key)
        print("Charged the next month:", receipt.charge_id)


if __name__ == "__main__":
    anyio.run(main)
