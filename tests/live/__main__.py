"""`python -m tests.live`: asks the test environment, and prints where it differs from the emulator."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import anyio
import httpx

from nexi_async.emulator import Settings
from tests.live.api import Api
from tests.live.probes import PROBES

TEST_ENVIRONMENT = "https://test.api.dibspayment.eu"


class Observation(NamedTuple):
    """A setting, what the emulator assumes, and what was observed; None if the answer told nothing."""

    setting: str
    assumed: Any
    observed: Any

    @property
    def differs(self) -> bool:
        """Whether the emulator is wrong."""
        return self.observed is not None and self.observed != self.assumed


async def observe(api: Api, settings: Settings) -> AsyncIterator[Observation]:
    """Every setting that can be observed, beside what the emulator assumes."""
    for setting, probe in PROBES.items():
        yield Observation(setting, getattr(settings, setting), await probe(api))


async def ask(base_url: str, secret_key: str, *, transport: httpx.AsyncBaseTransport | None = None) -> bool:
    """Ask, and print what differs; returns whether all is as the emulator has it."""
    is_same = True
    async with httpx.AsyncClient(
        base_url=base_url, headers={"Authorization": secret_key}, timeout=30, transport=transport
    ) as client:
        api = Api(client)
        async for each in observe(api, Settings()):
            if each.observed is None:
                print(f"not told  {each.setting}")
            if each.differs:
                is_same = False
                print(f"differs   {each.setting}: the emulator has {each.assumed!r}, the API {each.observed!r}")
        print(f"{len(PROBES)} settings asked for with {api.calls} calls")
    return is_same


def main() -> int:
    """Exit status 0 if nothing differs or nothing could be asked, 1 if something differs."""
    secret_key = os.environ.get("NEXI_SECRET_KEY")
    if not secret_key:
        print("skipped: set NEXI_SECRET_KEY to the secret key of a test account")
        return 0
    base_url = os.environ.get("NEXI_BASE_URL", TEST_ENVIRONMENT)
    try:
        return 0 if anyio.run(ask, base_url, secret_key) else 1
    except (PermissionError, ConnectionError, httpx.TransportError) as error:
        print(f"could not be asked: {error}")
        return 2


if __name__ == "__main__":
    sys.exit(main())
