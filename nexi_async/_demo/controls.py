"""The emulator's control endpoints over HTTP: its clock, its faults, its sign-ups, its books."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

__all__ = ["Controls"]


class Controls:
    """What the demo does behind the API's back."""

    def __init__(self, browser: httpx.AsyncClient, emulator_url: str) -> None:
        self._browser = browser
        self._root = f"{emulator_url}/emulator"

    async def sign_up(self, count: int, kind: str) -> list[str]:
        """Sign up many subscriptions at once, "scheduled" or "unscheduled"; returns their ids."""
        wish = {"count": count, "kind": kind}
        ids: list[str] = (await self._call("POST", "subscriptions", wish))["ids"]
        return ids

    async def lose_answer_of(self, path: str) -> None:
        """Let the next POST to a path have its effect and lose its answer."""
        await self._call("PUT", "faults", [{"fault": "lose_answer", "method": "POST", "path": path, "times": 1}])

    async def advance(self, seconds: float) -> None:
        """Move the emulator's clock forward."""
        await self._call("POST", "clock", {"advance": seconds})

    async def payments(self) -> dict[str, Mapping[str, Any]]:
        """Every payment in the books, by its id."""
        books = await self._call("GET", "books")
        return {payment["paymentId"]: payment for payment in books["payments"]}

    async def _call(self, method: str, what: str, wish: object = None) -> Any:
        answer = await self._browser.request(method, f"{self._root}/{what}", json=wish)
        return answer.raise_for_status().json()
