"""What Nexi Checkout writes down once and merchants look up often: codes, names, states, limits.

Every module here is one table: frozen rows, an immutable mapping, and a `look_up` that forgives spelling.
"""
