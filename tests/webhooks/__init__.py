"""The webhook receiver, from the guard at the door to a real server."""
