"""An emulated Nexi Checkout that knows the wire and nothing of the SDK: try everything without an account.

Theory of operation. `_engine` is the emulated back end: state, operations, clock and injected faults, without HTTP.
`CheckoutEmulator` puts three things on top of it: the ASGI app (`_app` for the API, `_pages` for what a browser sees,
`_control` for the controls under /emulator, `_access` for who may call), the webhook dispatcher, and Python methods.
`_server` serves it on a socket of its own. Nothing here imports the SDK's models, so that a wrong field name in the SDK
fails against the emulator. FIDELITY.md lists what the emulator assumes and why.
"""

from nexi_async.emulator._emulator import CheckoutEmulator
from nexi_async.emulator._engine.checkout import ShopperOutcome
from nexi_async.emulator._engine.clock import Clock
from nexi_async.emulator._engine.deliveries import NotDelivered
from nexi_async.emulator._engine.faults import InjectedFault
from nexi_async.emulator._engine.responses import Refusal
from nexi_async.emulator._engine.settings import Settings

__all__ = ["CheckoutEmulator", "Clock", "InjectedFault", "NotDelivered", "Refusal", "Settings", "ShopperOutcome"]
