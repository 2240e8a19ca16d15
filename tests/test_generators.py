"""No async generator yields inside a task group or a cancel scope: whoever iterates would be cancelled by it.

https://peps.python.org/pep-0789/ says why. Context managers may, since they are always left where they were entered.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import nexi_async

SCOPES = ("create_task_group", "open_nursery", "TaskGroup", "CancelScope", "move_on_after", "move_on_at", "fail_after",
          "fail_at", "timeout", "timeout_at")  # fmt: skip
MAY_YIELD = ("asynccontextmanager", "contextmanager", "fixture")


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """What stands in a function, without the functions in it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from own_nodes(child)


def name_of(node: ast.expr) -> str:
    """The last part of what is called."""
    called = node.func if isinstance(node, ast.Call) else node
    return called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""


def faults(source: str) -> list[str]:
    """The generators that yield in a scope, each with its scope."""
    return [
        f"{function.name} in {name_of(item.context_expr)}"
        for function in ast.walk(ast.parse(source))
        if isinstance(function, ast.AsyncFunctionDef)
        and not any(name_of(decorator) in MAY_YIELD for decorator in function.decorator_list)
        for block in own_nodes(function)
        if isinstance(block, ast.With | ast.AsyncWith) and any(isinstance(node, ast.Yield) for node in own_nodes(block))
        for item in block.items
        if name_of(item.context_expr) in SCOPES
    ]


@pytest.mark.parametrize(
    "scope", ["async with create_task_group()", "with anyio.fail_after(1)", "async with a, g.TaskGroup()"]
)
def test_a_yield_in_a_scope_is_found(scope: str) -> None:
    """Of either library, by either way of importing it."""
    assert faults(f"async def numbers():\n    {scope}:\n        yield 1\n")
    assert not faults(f"@asynccontextmanager\nasync def numbers():\n    {scope}:\n        yield 1\n")
    assert not faults(f"async def numbers():\n    {scope}:\n        pass\n    yield 1\n")


def test_no_generator_of_the_package_yields_in_a_scope() -> None:
    """None of all its modules."""
    folder = Path(nexi_async.__file__).parent
    found = {str(file.relative_to(folder)): faults(file.read_text("utf-8")) for file in folder.rglob("*.py")}

    assert len(found) > 100
    assert {file: names for file, names in found.items() if names} == {}
