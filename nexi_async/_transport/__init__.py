"""The wire: TLS, connections, what may be sent again, and what an answer means."""
