"""Webhooks of Nexi Checkout: a receiver to mount in any ASGI app, and its 15 typed events."""
