"""The ledger of a batch: what users call (`ledger`), and the transactions behind it, one module a concern.

A job is marked as `sending` on disk before its first byte leaves, so after a crash every charge that may have happened
is known. `runs` finds a run, `planning` adds jobs to it, `claims` begins and ends a worker's claim on a job, `outcomes`
records what was charged, `bulks` is for bulk charges, `shards` for several machines. `dunning` plans another attempt at
declined charges, `review` resolves unknown ones, `reading` reads. Each function there runs in one transaction, which
may be repeated if its commit was not confirmed.
"""
