"""The async Python SDK for Nexi Checkout."""
