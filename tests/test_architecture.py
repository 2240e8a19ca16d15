"""The layers: which package may import which, what may be imported where, and that no imports form a cycle."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import attrs
import pytest

PACKAGE = Path(__file__).parent.parent / "nexi_async"

LAYERS = (
    ("reference",),
    ("_errors",),
    ("_environment", "_idempotency", "_money", "_wire_names"),
    ("_models", "embed"),
    ("_codec", "_storage"),
    ("_best_effort",),
    ("_testing_transport", "_transport", "webhooks"),
    ("_resources", "emulator"),
    ("_client", "telemetry", "testing"),
    ("batch",),
    ("_demo",),
    ("_cli",),
)
"""The packages and modules, from the lowest layer up; each imports from lower layers only, or from itself."""

PUBLIC = {"batch", "emulator", "embed", "reference", "telemetry", "testing", "webhooks"}
"""Packages whose `__all__` is public, beside the package's own."""

ONLY_IN = {
    "asyncio": (
        "_transport/asyncio_",
        "_transport/lifetime",
        "batch/_distributed",
        "emulator/_background",
        "webhooks/_deadlines",
    ),
    "httpx": ("_transport/", "emulator/", "_testing_transport", "_cli/", "_demo/"),
    "sqlalchemy": (
        "_storage",
        "batch/_ledger",
        "batch/_outage",
        "batch/_shards",
        "webhooks/_inbox",
        "webhooks/_leases",
    ),
    "psycopg": ("_storage", "batch/_distributed"),
    "procrastinate": ("batch/_distributed",),
    "typer": ("_cli/",),
    "rich": ("_cli/", "_demo/"),
    "platformdirs": ("_cli/",),
    "babel": ("emulator/_languages",),
    "uvicorn": ("emulator/", "_cli/"),
    "jinja2": ("emulator/",),
    "trustme": ("emulator/",),
    "orjson": ("_codec", "emulator/"),
    "cattrs": ("_codec", "_best_effort", "webhooks/_parsing", "emulator/_engine/persistence"),
    "sqlite3": ("emulator/_state_file",),
    "httptools": ("_transport/",),
    "pytest": ("testing",),
}
"""Packages that only some modules import: one place owns each concern. Imports inside functions are not held to it."""


@attrs.frozen
class Module:
    """One module and what it imports when it is imported."""

    path: Path

    @property
    def imports(self) -> frozenset[str]:
        return _imports_of(self.path)

    @property
    def name(self) -> str:
        parts = self.path.relative_to(PACKAGE.parent).with_suffix("").parts
        return ".".join(part for part in parts if part != "__init__")

    @property
    def package(self) -> str:
        return _package_of(self.name)

    @property
    def is_private(self) -> bool:
        return any(part.startswith("_") for part in self.name.split("."))


def _package_of(name: str) -> str:
    """The first name below the package; empty for the package itself."""
    return name.split(".")[1] if "." in name else ""


@cache
def _imports_of(path: Path) -> frozenset[str]:
    return frozenset(_imported(ast.parse(path.read_text()).body))


def _imported(statements: list[ast.stmt]) -> Iterator[str]:
    for statement in statements:
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            for alias in statement.names:
                is_module = (PACKAGE.parent / statement.module.replace(".", "/") / f"{alias.name}.py").exists()
                yield f"{statement.module}.{alias.name}" if is_module else statement.module
        elif isinstance(statement, ast.Try | ast.If):  # an import for the type checker only is one all the same
            yield from _imported(statement.body)


MODULES = {module.name: module for module in map(Module, sorted(PACKAGE.rglob("*.py"))) if module.package != "docs"}
LAYER_OF = {package: number for number, packages in enumerate(LAYERS) for package in packages}
each_module = pytest.mark.parametrize("module", MODULES.values(), ids=list(MODULES))


def test_every_package_has_a_layer() -> None:
    """A new package is assigned to a layer."""
    assert {module.package for module in MODULES.values()} - {""} == set(LAYER_OF)


@each_module
def test_a_package_imports_from_lower_layers_only(module: Module) -> None:
    """Data and imports go one way; the package itself gathers what is public."""
    own = LAYER_OF.get(module.package, len(LAYERS))
    others = {_package_of(name) for name in module.imports if name in MODULES and _package_of(name) != module.package}
    assert {other for other in others if not other or LAYER_OF[other] >= own} <= (
        {""} if module.package == "_demo" else set()
    )


@each_module
def test_only_public_packages_have_names_without_an_underscore(module: Module) -> None:
    """Everything that is not behind a public `__all__` says so by its name."""
    assert module.is_private or module.package in {"", *PUBLIC}


@each_module
def test_only_public_modules_have_a_list_of_names(module: Module) -> None:
    """`__all__` says what is public; in a private module an underscore says what stays in it."""
    assert not module.is_private or "__all__" not in module.path.read_text()


@each_module
def test_a_package_is_imported_only_where_its_concern_lives(module: Module) -> None:
    """One place owns each concern."""
    place = module.path.relative_to(PACKAGE).as_posix()
    outside = {name.split(".")[0] for name in module.imports} & ONLY_IN.keys()
    assert {name for name in outside if not place.startswith(ONLY_IN[name])} == set()


def test_the_emulator_imports_nothing_of_the_sdk() -> None:
    """A wrong field name in the SDK must fail against the emulator instead of being wrong on both sides."""
    for module in MODULES.values():
        if module.package == "emulator":
            assert {_package_of(name) for name in module.imports if name.startswith("nexi_async.")} <= {"emulator"}, (
                module.name
            )


def test_the_engine_of_the_emulator_knows_no_http_library() -> None:
    """What the emulated back end does can be read and tested without a server or a client."""
    for module in MODULES.values():
        if module.name.startswith("nexi_async.emulator._engine"):
            libraries = {name.split(".")[0] for name in module.imports}
            assert not libraries & {"httpx", "jinja2", "starlette", "uvicorn"}, module.name


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Circles would make the order of imports matter."""
    graph = {
        name: {other for other in module.imports if other in MODULES and not _is_own_package(name, other)}
        for name, module in MODULES.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


def _is_own_package(name: str, other: str) -> bool:
    """Whether the other one is a package that the module lies in: its name is part of every import from it."""
    return name.startswith(f"{other}.")
