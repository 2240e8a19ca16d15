"""The public API as text, one line for each name: `python -m tests.public_api` writes it to `public_api.txt`.

It is read from the source, so that it is the same on every Python.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import griffe

LIST = Path(__file__).parent / "public_api.txt"
TOP = Path(__file__).parent.parent
MODULES = (
    "nexi_async",
    "nexi_async.batch",
    "nexi_async.embed",
    "nexi_async.emulator",
    "nexi_async.telemetry",
    "nexi_async.testing",
    "nexi_async.webhooks",
    "nexi_async.webhooks.deliveries",
)
LONGEST_VALUE = 60
"""Characters of a default or a constant; what is longer is a table."""
GROUPS = ("payments", "charges", "refunds", "payment_methods", "subscriptions", "card_payments", "reports")
"""The modules of the calls, whose classes are reached as attributes of a client."""


def public_api() -> list[str]:
    """Every public name with its signature or type, sorted."""
    package = griffe.load("nexi_async", search_paths=[TOP], resolve_aliases=True, resolve_external=False)
    reference = package["reference"]
    modules = [*MODULES, *(f"nexi_async.reference.{name}" for name in reference.modules)]
    lines = {line for module in modules for line in _of_module(package, module)}
    for group in GROUPS:
        lines.update(_of_group(package[f"_resources.{group}"], group))
    return sorted(lines, key=lambda line: (name_of(line), line))


def name_of(line: str) -> str:
    """The dotted name that a line is about."""
    return line.removeprefix("async ").removeprefix("class ").partition("(")[0].partition(":")[0]


def _of_module(package: griffe.Object | griffe.Alias, name: str) -> Iterator[str]:
    module = package if name == "nexi_async" else package[name.removeprefix("nexi_async.")]
    for exported in module.exports or ():
        yield from _lines(f"{name}.{exported}", module[str(exported)])


def _of_group(module: griffe.Object | griffe.Alias, group: str) -> Iterator[str]:
    for name, found in module.classes.items():
        if name.lower() == group.replace("_", ""):
            yield from _lines(f"nexi_async.AsyncCheckout.{group}", found)


def _lines(path: str, found: griffe.Object | griffe.Alias) -> Iterator[str]:
    target = found.final_target if isinstance(found, griffe.Alias) else found
    if isinstance(target, griffe.Class):
        yield f"class {path}({', '.join(str(base).rpartition('.')[2] for base in target.bases)})"
        for name, member in sorted(target.members.items()):
            if not name.startswith("_") or name in ("__init__", "__aiter__", "__aenter__"):
                yield from _lines(f"{path}.{name}", member)
    elif isinstance(target, griffe.Function):
        yield from _of_function(path, target)
    else:
        annotation, value = getattr(target, "annotation", None), str(getattr(target, "value", None) or "")
        default = f" = {value}" if value and len(value) <= LONGEST_VALUE else ""
        yield path + (f": {annotation}" if annotation is not None else "") + default


def _of_function(path: str, function: griffe.Function) -> Iterator[str]:
    """A function, once for each overload."""
    for one in function.overloads or [function]:
        prefix = "async " if "async" in function.labels else ""
        yield f"{prefix}{one.signature(return_type=True, name=path)}"


if __name__ == "__main__":
    LIST.write_text("\n".join(public_api()) + "\n")
