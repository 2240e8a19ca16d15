"""The shopper: opens the hosted page over HTTP, fills in its form, and follows the redirects."""

from __future__ import annotations

from collections.abc import Mapping
from html.parser import HTMLParser
from urllib.parse import urljoin

import attrs
import httpx

__all__ = ["Form", "NoForm", "Shopper", "Visit", "read_form"]


class NoForm(Exception):
    """The page has no form to fill, e.g. because the payment is closed."""


@attrs.frozen
class Visit:
    """The end of a visit to the hosted page.

    Attributes:
        address: where the shopper is now: the shop's own page, or the hosted page still.
        status: the HTTP status of that page.
    """

    address: str
    status: int

    @property
    def is_declined(self) -> bool:
        """Whether the card was declined; the shopper may try another one."""
        return self.status == httpx.codes.PAYMENT_REQUIRED


@attrs.frozen
class Form:
    """The form of a page: where it goes, and what it would send untouched."""

    action: str
    fields: Mapping[str, str]


class Shopper:
    """Pays on hosted pages over real HTTP."""

    def __init__(self, browser: httpx.AsyncClient) -> None:
        """A shopper with a browser.

        Args:
            browser: must follow redirects.
        """
        self._browser = browser

    async def pay_by_card(self, page: str, number: str) -> Visit:
        """Type a card number and press Pay."""
        return await self._press(page, "pay", {"method": "card", "card": number})

    async def pay_with(self, page: str, method: str) -> Visit:
        """Choose another method, e.g. "Swish", and press Pay."""
        return await self._press(page, "pay", {"method": method})

    async def abandon(self, page: str) -> Visit:
        """Press Cancel."""
        return await self._press(page, "cancel", {})

    async def _press(self, page: str, button: str, typed: Mapping[str, str]) -> Visit:
        shown = await self._browser.get(page)
        form = read_form(shown.text, str(shown.url))
        answer = await self._browser.post(form.action, data={**form.fields, **typed, "action": button})
        return Visit(str(answer.url), answer.status_code)


def read_form(page: str, address: str) -> Form:
    """The first form of a page.

    Raises:
        NoForm: there is none.
    """
    reader = _FormReader()
    reader.feed(page)
    if reader.action is None:
        raise NoForm(f"there is no form at {address}")
    return Form(urljoin(address, reader.action), reader.fields)


class _FormReader(HTMLParser):
    """Collects the fields of the first form; a list sends its first entry unless another one is chosen."""

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self._is_inside = False
        self._list: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and self.action is None:
            self.action, self._is_inside = given.get("action", ""), True
        elif self._is_inside and tag == "input" and "name" in given:
            self.fields[given["name"]] = given.get("value", "")
        elif self._is_inside and tag == "select":
            self._list = given.get("name")
        elif self._is_inside and tag == "option" and self._list is not None:
            self._offer(self._list, given)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._is_inside = False
        elif tag == "select":
            self._list = None

    def _offer(self, name: str, option: Mapping[str, str]) -> None:
        if "value" in option and (name not in self.fields or "selected" in option):
            self.fields[name] = option["value"]
