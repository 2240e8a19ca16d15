"""Reference data of Nexi Checkout: codes, names, states, limits.

Every module here is one table: frozen rows, an immutable mapping, and a `look_up` that accepts other spellings.
"""
