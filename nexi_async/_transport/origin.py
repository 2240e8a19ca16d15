"""Where a server is: scheme, host and port."""

from __future__ import annotations

import functools
from typing import Self
from urllib.parse import urlsplit

import attrs
import httpx

_PORTS = {"https": 443, "http": 80}


@attrs.frozen(cache_hash=True)
class Origin:
    """An address to connect to.

    Attributes:
        scheme: "https" or "http".
        host: a name or an address; IPv6 without brackets.
        server_name: whose certificate to expect.
    """

    scheme: str
    host: str
    port: int
    server_name: str

    @classmethod
    def of(cls, url: str) -> Self:
        """The origin of an address, with its scheme's port if it names none.

        Raises:
            httpx.UnsupportedProtocol: neither http nor https.
        """
        parts = urlsplit(url)
        if parts.scheme not in _PORTS:
            raise httpx.UnsupportedProtocol(f"only http and https are supported, not {parts.scheme!r}")
        host = parts.hostname or ""
        port = _PORTS[parts.scheme] if parts.port is None else parts.port
        return cls(parts.scheme, host, port, host)

    @functools.cached_property
    def authority(self) -> str:
        """What the Host header says: the host, and the port if it is not the scheme's."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"
