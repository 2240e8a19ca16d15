"""A demo shop that uses the whole SDK against the emulator.

`run` starts the servers, sells the orders of a file (`shop`, `scenarios`, `checkout_flow`, `cash_operations`), bills
subscriptions (`billing`), and reconciles the money of every payment by three independent sources (`sources`,
`reconciliation`, `report`): the SDK's responses, the received webhooks, and the emulator's state.
"""
