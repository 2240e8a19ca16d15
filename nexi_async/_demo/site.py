"""The shop's web site: the pages that shoppers return to, and the mounted webhook receiver."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

__all__ = ["build_site"]


def build_site(receiver: ASGIApp) -> Starlette:
    """The site as an ASGI app."""
    return Starlette(routes=[Route("/{page:str}", _page), Mount("/nexi", receiver)])


async def _page(request: Request) -> PlainTextResponse:
    texts = {"thanks": "Thank you!", "goodbye": "Your order was cancelled.", "terms": "Terms of sale"}
    page = request.path_params["page"]
    return PlainTextResponse(texts.get(page, "Not found"), 200 if page in texts else 404)
