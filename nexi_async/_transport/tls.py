"""The TLS settings that the API asks for."""

from __future__ import annotations

import ssl

import httpx


def new_context() -> ssl.SSLContext:
    """A context for the API, with the trust store that httpx ships; building one costs tens of milliseconds.

    `SSL_CERT_FILE` and `SSL_CERT_DIR` name another trust store. The API lists TLS 1.2 as its only version, so 1.2 must
    stay allowed; Python's default suites include its first two.
    """
    context = httpx.create_ssl_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
