"""The calls of the API, one module a resource; nothing here knows about HTTP beyond method and path."""
