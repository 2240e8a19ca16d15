"""Reports: what Nexi pays out, and from which charges and refunds."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping
from datetime import date

import attrs

from nexi_async._errors import InvalidRequest
from nexi_async._models import rules
from nexi_async._models.payout import Payout, PayoutAction, PayoutActionPage, PayoutPage
from nexi_async._models.rules import Currency
from nexi_async._resources.pages import check_page_size, numbered_pages
from nexi_async._resources.requests import require_same_id
from nexi_async._transport.request import Request, segment
from nexi_async._transport.session import Session

REPORT_PAGE_SIZE = 100
"""The API's own default."""


@attrs.frozen
class Reports:
    """`checkout.reports`: read only, so every call is repeated on failure."""

    _session: Session = attrs.field(repr=False)

    async def balances(
        self, *, currencies: Iterable[str] = (), from_date: date | None = None, to_date: date | None = None
    ) -> object:
        """The account's balances as plain JSON values, as received: their schema is not published.

        Args:
            currencies: only these, ISO 4217 in capitals; all when left out.
            from_date: first day.
            to_date: last day.

        Official reference: GET /report/v1/balances
        https://developer.nexigroup.com/nexi-checkout/en-EU/api/reporting-v1/
        """
        wanted = _Filter(currencies=tuple(currencies), from_date=from_date, to_date=to_date)
        rules.check(wanted)
        query = {
            "currencies": ",".join(wanted.currencies) or None,
            "fromDate": None if from_date is None else from_date.isoformat(),
            "toDate": None if to_date is None else to_date.isoformat(),
        }
        return await self._session.fetch(self._request("balances", "balances", query), object)

    def payouts(
        self, *, from_date: date, to_date: date, currency: str | None = None, page_size: int = REPORT_PAGE_SIZE
    ) -> AsyncGenerator[Payout, None]:
        """The payouts of a period, both days included: `async for payout in checkout.reports.payouts(...)`.

        Args:
            from_date: first day of payout.
            to_date: last day of payout.
            currency: only this one, ISO 4217 in capitals.
            page_size: how many are asked for at once; the next page is fetched only when it is needed.

        Official reference: GET /report/v1/payouts
        https://developer.nexigroup.com/nexi-checkout/en-EU/api/reporting-v1/
        """
        check_page_size(page_size)
        currencies = () if currency is None else (currency,)
        rules.check(_Filter(currencies=currencies, from_date=from_date, to_date=to_date))
        if from_date > to_date:
            raise InvalidRequest([("from_date", "is after to_date")])
        query = {
            "fromDate": from_date.isoformat(),
            "toDate": to_date.isoformat(),
            "currency": currency,
            "pageSize": str(page_size),
        }

        async def fetch(number: int) -> tuple[tuple[Payout, ...], int]:
            page = await self._session.fetch(
                self._request("payouts", "payouts", query | {"pageNumber": str(number)}), PayoutPage
            )
            return page.payouts, page.number_of_payouts

        return numbered_pages(fetch)

    async def payout(self, payout_id: str) -> Payout:
        """One payout; its actions come from `payment_actions`.

        Raises:
            NotFound: no such payout.
            NexiError: see its outcome.

        Official reference: GET /report/v1/payouts/{id}
        https://developer.nexigroup.com/nexi-checkout/en-EU/api/reporting-v1/
        """
        query = {"pageNumber": "0", "pageSize": "1"}
        request = self._request("payout", _payout(payout_id), query)
        found = await self._session.fetch(request, Payout)
        require_same_id(request, asked=payout_id, answered=found.id)
        return found

    def payment_actions(
        self, payout_id: str, *, page_size: int = REPORT_PAGE_SIZE
    ) -> AsyncGenerator[PayoutAction, None]:
        """The charges, refunds and deposits of a payout, as an iterator that fetches pages when they are needed.

        Official reference: GET /report/v1/payouts/{id}
        https://developer.nexigroup.com/nexi-checkout/en-EU/api/reporting-v1/
        """
        check_page_size(page_size)
        path = _payout(payout_id)

        async def fetch(number: int) -> tuple[tuple[PayoutAction, ...], int]:
            query = {"pageNumber": str(number), "pageSize": str(page_size)}
            page = await self._session.fetch(self._request("payment_actions", path, query), PayoutActionPage)
            return page.payment_actions, page.number_of_payment_actions

        return numbered_pages(fetch)

    def _request(self, name: str, path: str, query: Mapping[str, str | None]) -> Request:
        members = {"merchantNumber": self._session.merchant_number, **query}
        given = tuple((name, value) for name, value in members.items() if value is not None)
        return Request(operation=f"reports.{name}", method="GET", path=f"/report/v1/{path}", query=given)


@attrs.frozen(kw_only=True)
class _Filter:
    """What to list; a `datetime` is no `date` here, for its day depends on a time zone."""

    currencies: tuple[Currency, ...]
    from_date: date | None = attrs.field(metadata={"wire": "from_date"})
    to_date: date | None = attrs.field(metadata={"wire": "to_date"})


def _payout(payout_id: str) -> str:
    return f"payouts/{segment(payout_id, name='payout_id')}"
