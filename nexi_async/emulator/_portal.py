"""The portal under /emulator/portal: payments, webhooks, the log of API calls, and settings."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from nexi_async.emulator import _portal_log, _portal_payments, _portal_settings, _portal_webhooks
from nexi_async.emulator._portal_page import ROOT


def routes() -> list[Route]:
    return [
        *_portal_payments.routes(),
        *_portal_webhooks.routes(),
        *_portal_log.routes(),
        *_portal_settings.routes(),
        Route("/portal", _to_portal, methods=["GET"]),
        Route("/", _to_portal, methods=["GET"]),
    ]


async def _to_portal(request: Request) -> Response:
    return RedirectResponse(request.scope.get("root_path", "") + ROOT, 307)
