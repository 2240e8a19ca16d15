"""The emulated back end: state, operations and rules, without an HTTP server or client.

Theory of operation. `Engine` owns the `State`, the settings, the clock, the random source and the injected faults. Each
request of the API is an `APIRequest`; `endpoints` names the operation that handles it. An operation is a plain function
`(Context, APIRequest) -> APIResponse`, one module for each resource (payments, charges, cancels, refunds,
subscriptions, bulk, payouts ...). It changes the state at once and raises `Refusal` for an error response. Work that
the passage of time causes (a refund completes, a bulk run continues) stands in the state's schedule and is done, in
order and with its own time, before the next operation runs. Events are put into the pending deliveries; sending them
is up to the ASGI side, which `on_change` tells that there may be something to send.

Entities that an operation looked up or made are collected in `State.changed`; with a store, the engine commits them
before the response leaves, so that nothing that was answered is lost (`persistence`).

The rules come from the official references of the Payment API
(https://developer.nexigroup.com/nexi-checkout/en-EU/api/payment-v1) and the Reporting API
(https://developer.nexigroup.com/nexi-checkout/en-EU/api/reporting-v1), and from the official answer on the attempts to
deliver a webhook
(https://developer.nexigroup.com/nexi-checkout/en-EU/support/how-many-attempts-are-made-to-deliver-a-webhook).
FIDELITY.md lists what is not proven.
"""
