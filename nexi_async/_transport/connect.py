"""Opens connections: TCP and TLS by the running event loop's own means, IPv6 and IPv4 racing each other (RFC 8305)."""

from __future__ import annotations

import ssl

import anyio
import httpx
from anyio.lowlevel import current_token

from nexi_async._transport import asyncio_connection, trio_connection
from nexi_async._transport.connection import Connection
from nexi_async._transport.origin import Origin


async def connect(origin: Origin, seconds: float, *, context: ssl.SSLContext) -> Connection:
    """Open a connection; for https with TLS, the server's certificate and name checked.

    Raises:
        httpx.ConnectError: there is no way, or the server is not who it should be.
        httpx.ConnectTimeout: it took too long.
    """
    tls = context if origin.scheme == "https" else None
    try:
        with anyio.fail_after(seconds):
            if _is_trio():
                return await trio_connection.connect(origin, tls)
            return await asyncio_connection.connect(origin, tls)
    except TimeoutError:
        raise httpx.ConnectTimeout(f"no connection to {origin} in time") from None
    except (OSError, anyio.BrokenResourceError, anyio.EndOfStream) as error:
        raise httpx.ConnectError(f"no connection to {origin}: {str(error) or type(error).__name__}") from error
    except UnicodeError:
        raise httpx.ConnectError(f"no connection to {origin}: the name can't be a host's") from None


def _is_trio() -> bool:
    """Not by asking asyncio: trio may run as a guest of an asyncio loop."""
    return current_token().backend_class.__module__.endswith("trio")
