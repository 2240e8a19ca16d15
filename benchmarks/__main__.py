"""`python -m benchmarks NAME [options]`."""

from __future__ import annotations

import importlib
import sys

NAMES = ("batch", "client", "inbox", "pacing", "webhooks")


def main() -> None:
    """Run the benchmark that is named."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name not in NAMES:
        print(f"usage: python -m benchmarks {{{','.join(NAMES)}}} [options]", file=sys.stderr)
        raise SystemExit(2)
    importlib.import_module(f"benchmarks.{name}").main(arguments)


main()
