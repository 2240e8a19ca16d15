"""Deterministic simulation: the shipped code with virtual time, a lossy network in memory, and processes that die.

    python -m tests.simulation --seeds 10000        # run many scenarios on all cores
    python -m tests.simulation --seed 4711 -v       # repeat one, with its log
    python -m tests.simulation --mutants            # plant faults in the code and find every one

A seed decides everything: the scenario (`scenario.py`), and every delay, failure and id while it runs, so that a
scenario that fails can be repeated exactly.
"""
