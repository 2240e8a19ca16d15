"""An emulator of Nexi Checkout, independent of the SDK: try everything without an account.

Theory of operation. `_engine` is the emulated back end: state, operations, clock and injected faults, without HTTP.
`CheckoutEmulator` puts three things on top of it: the ASGI app (`_app` for the API, `_checkout_pages` and
`_challenge_page` for the shopper, `_portal` for the merchant, `_control` for the controls under /emulator, `_access`
for who may call), the webhook dispatcher, and Python methods. The routes are made once a process; each request carries
the emulator that it was sent to (`_site`). `_server` serves it on a socket of its own. Nothing here imports the SDK's
models, so that a wrong field name in the SDK fails against the emulator. FIDELITY.md lists what the emulator assumes
and why.
"""

from nexi_async.emulator._emulator import CheckoutEmulator
from nexi_async.emulator._engine.checkout import ShopperOutcome
from nexi_async.emulator._engine.clock import Clock
from nexi_async.emulator._engine.deliveries import NotDelivered
from nexi_async.emulator._engine.faults import InjectedFault
from nexi_async.emulator._engine.responses import Refusal
from nexi_async.emulator._engine.settings import Settings

__all__ = ["CheckoutEmulator", "Clock", "InjectedFault", "NotDelivered", "Refusal", "Settings", "ShopperOutcome"]
