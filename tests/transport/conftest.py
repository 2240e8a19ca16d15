"""The event loops that the transport must be right on: uvloop too, where it can be installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest

UVLOOP = pytest.param(
    ("asyncio", {"use_uvloop": True}),
    id="uvloop",
    marks=pytest.mark.skipif(find_spec("uvloop") is None, reason="uvloop is not installed"),
)


@pytest.fixture(params=["asyncio", UVLOOP, "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Asyncio, uvloop and trio."""
    return request.param
