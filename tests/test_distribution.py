"""What would be uploaded: the sdist and the wheel hold what users need, and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_string
from email.message import Message
from pathlib import Path

import attrs
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]

TOP = Path(__file__).parent.parent
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]
IN_THE_SDIST = {
    ".ci",
    ".github",
    ".gitignore",
    ".pre-commit-config.yaml",
    "CHANGELOG.md",
    "LICENSE",
    "PKG-INFO",
    "README.md",
    "benchmarks",
    "nexi_async",
    "pyproject.toml",
    "tests",
}
NO_CODE = {".html", ".md", ".css", ".js", ".jsonl", ".svg", ".toml", ".typed"}
"""Suffixes of files of the package that are no Python; templates, assets and `py.typed`."""


@attrs.frozen
class Distribution:
    """The two files, and what is in them."""

    sdist: Path
    wheel: Path

    @property
    def wheel_names(self) -> list[str]:
        """The names in the wheel."""
        with zipfile.ZipFile(self.wheel) as wheel:
            return wheel.namelist()

    @property
    def sdist_names(self) -> list[str]:
        """The names in the sdist, below its folder."""
        with tarfile.open(self.sdist) as sdist:
            return [name.partition("/")[2] for name in sdist.getnames()]

    @property
    def metadata(self) -> Message:
        """The metadata of the wheel."""
        with zipfile.ZipFile(self.wheel) as wheel:
            (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
            return message_from_string(wheel.read(name).decode())


def run(*command: str | Path) -> None:
    """Run a tool of this environment."""
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=TOP, capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def distribution(tmp_path_factory: pytest.TempPathFactory) -> Distribution:
    """An sdist, and a wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run("build", "--no-isolation", "--outdir", folder)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return Distribution(sdist, wheel)


def test_twine_accepts_both(distribution: Distribution) -> None:
    """The metadata is complete, and the README renders."""
    run("twine", "check", "--strict", distribution.sdist, distribution.wheel)


def test_the_wheel_holds_the_package_alone(distribution: Distribution) -> None:
    """No tests, no documentation, no file of an unknown kind."""
    names = [name for name in distribution.wheel_names if ".dist-info/" not in name]
    assert {name.partition("/")[0] for name in names} == {"nexi_async"}
    assert [name for name in names if name.startswith(("nexi_async/docs", "nexi_async/tests"))] == []
    assert {Path(name).suffix for name in names} <= {".py", *NO_CODE}
    assert "nexi_async/py.typed" in names


def test_the_wheel_has_every_module(distribution: Distribution) -> None:
    """What is in the source tree, outside the documentation, is in the wheel."""
    there = {str(path.relative_to(TOP)) for path in (TOP / "nexi_async").rglob("*.py") if "docs" not in _below(path)}
    assert there - {*distribution.wheel_names} == set()


def _below(path: Path) -> tuple[str, ...]:
    return path.relative_to(TOP).parts


def test_the_top_of_the_sdist(distribution: Distribution) -> None:
    """An unpacked sdist can be tested, and has nothing that was lying around."""
    assert {name.partition("/")[0] for name in distribution.sdist_names} - {""} == IN_THE_SDIST
    left = [name for name in distribution.sdist_names if re.search(r"__pycache__|\.db$|\.log$|docs/site|\.cache", name)]
    assert left == []


def test_both_are_small(distribution: Distribution) -> None:
    """The wheel has less than 1 MB, the sdist less than 3 MB."""
    assert distribution.wheel.stat().st_size < 1_000_000
    assert distribution.sdist.stat().st_size < 3_000_000


def test_the_metadata_says_what_users_look_for(distribution: Distribution) -> None:
    """Licence as an SPDX expression, the range of Python, addresses, maturity."""
    metadata = distribution.metadata
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    names = {value.partition(",")[0] for value in metadata.get_all("Project-URL", [])}
    assert names == {"Documentation", "Changelog", "Source", "Issues", "Security"}
    assert any(value.startswith("Development Status ::") for value in metadata.get_all("Classifier", []))


def test_links_of_the_readme_are_absolute_on_the_index(distribution: Distribution) -> None:
    """A page of the package index has no folder beside it that a relative link could lead to."""
    text = str(distribution.metadata.get_payload())
    assert re.findall(r"\]\((?!https?://)[^)]*\)", text) == []
    assert f"/v{PROJECT['version']}/nexi_async/docs/pages/quickstart.md" in text


def test_the_changelog_has_the_version() -> None:
    """A release is described; between releases there is a section for what comes."""
    changelog = (TOP / "CHANGELOG.md").read_text()
    section = "[Unreleased]" if ".dev" in PROJECT["version"] else f"[{PROJECT['version']}]"
    assert f"\n## {section}" in changelog
