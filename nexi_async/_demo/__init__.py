"""A shop that uses everything: it sells orders, bills subscriptions, and compares three accounts of the money."""
