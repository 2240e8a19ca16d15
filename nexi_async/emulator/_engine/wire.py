"""Plain JSON: the emulator works on parsed documents and never on models."""

from typing import Any, TypeAlias

JSON: TypeAlias = Any
"""Whatever a JSON text parses to; `fields` looks into it."""

Document: TypeAlias = dict[str, Any]
"""A JSON object."""
