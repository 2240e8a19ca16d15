"""An emulated Nexi Checkout that knows the wire and nothing of the SDK: try everything without an account."""

from nexi_async.emulator.answers import Refusal
from nexi_async.emulator.checkout import Outcome
from nexi_async.emulator.clock import Clock
from nexi_async.emulator.delivery import NotDelivered
from nexi_async.emulator.emulator import CheckoutEmulator
from nexi_async.emulator.faults import Fault
from nexi_async.emulator.settings import Settings

__all__ = ["CheckoutEmulator", "Clock", "Fault", "NotDelivered", "Outcome", "Refusal", "Settings"]
