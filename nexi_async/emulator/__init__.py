"""An emulated Nexi Checkout that knows the wire and nothing of the SDK: try everything without an account."""

from nexi_async.emulator._checkout import Outcome
from nexi_async.emulator._clock import Clock
from nexi_async.emulator._emulator import CheckoutEmulator
from nexi_async.emulator._faults import Fault
from nexi_async.emulator._responses import Refusal
from nexi_async.emulator._settings import Settings
from nexi_async.emulator._webhook_dispatcher import NotDelivered

__all__ = ["CheckoutEmulator", "Clock", "Fault", "NotDelivered", "Outcome", "Refusal", "Settings"]
