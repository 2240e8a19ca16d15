"""The scripts and style sheets of the pages, which are files of the package."""

from functools import partial
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_PACKAGE = files("nexi_async.emulator")
_SCRIPT, _STYLE = "text/javascript", "text/css"
_ASSETS = {
    "/v1/checkout.js": ("scripts/checkout.js", _SCRIPT),
    "/emulator/iframe.js": ("scripts/iframe.js", _SCRIPT),
    "/emulator/form.js": ("scripts/form.js", _SCRIPT),
    "/emulator/checkout.css": ("styles/checkout.css", _STYLE),
    "/emulator/portal/portal.js": ("scripts/portal.js", _SCRIPT),
    "/emulator/portal/portal.css": ("styles/portal.css", _STYLE),
}


def routes() -> list[Route]:
    return [Route(path, partial(_serve, *asset), methods=["GET"]) for path, asset in _ASSETS.items()]


async def _serve(name: str, media_type: str, _: Request) -> Response:
    return Response((_PACKAGE / name).read_bytes(), media_type=media_type)
