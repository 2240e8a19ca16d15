"""The portal's page of webhook deliveries, and the button that sends one again."""

from itertools import islice

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from nexi_async.emulator._forms import Form
from nexi_async.emulator._portal_page import ROOT, changes, go_to, page, problem, shows
from nexi_async.emulator._site import engine_of

_SHOWN = 100


def routes() -> list[Route]:
    return [
        Route(f"{ROOT}/webhooks", _show, methods=["GET"]),
        Route(f"{ROOT}/webhooks/{{number:int}}/resend", _resend, methods=["POST"]),
    ]


@shows
async def _show(request: Request) -> Response:
    state = engine_of(request).context().state
    wanted = request.query_params.get("state", "")
    newest = (delivery for delivery in reversed(state.deliveries) if wanted in ("", delivery.state))
    return page(
        request,
        "portal_webhooks.html",
        deliveries=list(islice(newest, _SHOWN)),
        wanted=wanted,
        states=("pending", "delivered", "dropped"),
        count=len(state.deliveries),
        event_count=len(state.events),
    )


@changes
async def _resend(request: Request, form: Form) -> Response:
    if not engine_of(request).send_again(request.path_params["number"]):
        return problem(request, "There is no such delivery.")
    payment_id = form.get("payment", "")
    return go_to(request, f"/payments/{payment_id}" if payment_id.isalnum() else "/webhooks")
