"""The ledger of a batch: what users call (`ledger`), and the transactions behind it, one module a concern.

A job is marked as `sending` on disk before its first byte leaves, so after a crash every charge that may have happened
is known. `planning` adds jobs, `claims` leases them to a worker and records their outcomes, `bulks` groups them into
bulk charges, `shards` cuts a run for several machines, `dunning` and `review` plan another attempt, `reading` reads.
Each function there runs in one transaction, which may be repeated if its commit was not confirmed.
"""
