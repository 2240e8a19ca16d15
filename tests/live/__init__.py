"""What the emulator assumes, asked of the test environment: `python -m tests.live`, with NEXI_SECRET_KEY set.

Each probe observes one setting of the emulator from outside. It moves no money and needs no shopper: payments are
created that nobody pays, and subscriptions are named that do not exist.
"""
