"""What was made by others: wire bodies as they were recorded or published, and requests as other clients send them.

Everything here was built from facts (which members a body has, and of which types) with values of our own; the source
of each is named beside it. Marks: A official page, B official code, C code of integrators, R recorded body.
"""
