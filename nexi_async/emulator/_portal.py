"""The portal under /emulator/portal: payments, webhooks, the log of API calls, and settings."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from nexi_async.emulator import _portal_log, _portal_payments, _portal_settings
from nexi_async.emulator._access import Access
from nexi_async.emulator._engine.engine import Engine
from nexi_async.emulator._portal_site import ROOT, PortalSite, asset
from nexi_async.emulator._request_log import RequestLog


def routes(engine: Engine, access: Access, log: RequestLog) -> list[Route]:
    """All routes of the portal; the root path and /portal lead to it."""
    site = PortalSite(engine, access)
    return [
        *_portal_payments.routes(engine, site, log),
        *_portal_log.routes(site, log),
        *_portal_settings.routes(engine, site),
        Route(f"{ROOT}/portal.css", asset("styles", "portal.css", "text/css"), methods=["GET"]),
        Route(f"{ROOT}/portal.js", asset("scripts", "portal.js", "text/javascript"), methods=["GET"]),
        Route("/portal", _to_portal, methods=["GET"]),
        Route("/", _to_portal, methods=["GET"]),
    ]


async def _to_portal(request: Request) -> Response:
    return RedirectResponse(request.scope.get("root_path", "") + ROOT, 307)
