"""The state file: what is saved is there, and what cannot be used is refused with advice."""

import sqlite3
from pathlib import Path

import pytest

from nexi_async.emulator import CheckoutEmulator
from nexi_async.emulator._engine.persistence import StoredDocument
from nexi_async.emulator._state_file import StateFile, UnusableStateFile


def test_documents_keep_their_order(tmp_path: Path) -> None:
    """A document that is saved again stays in its place with its new body."""
    file = StateFile(tmp_path / "state")
    first, second = StoredDocument("a", "1", b"{}"), StoredDocument("a", "2", b"{}")
    file.save([first, second], discard=False)
    changed = StoredDocument("a", "1", b"[]")
    file.save([changed], discard=False)
    file.close()
    assert file.load() == [changed, second]
    file.save([second], discard=True)
    assert file.load() == [second]
    file.close()


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """It holds what webhooks authorize with."""
    path = tmp_path / "state"
    file = StateFile(path)
    file.load()
    assert {each.stat().st_mode & 0o777 for each in tmp_path.iterdir()} == {0o600}
    file.close()


def test_one_emulator_at_a_time(tmp_path: Path) -> None:
    """A file in use is refused, and free again after its emulator has closed."""
    first = StateFile(tmp_path / "state")
    first.load()
    with pytest.raises(UnusableStateFile, match="another emulator uses it"):
        CheckoutEmulator(persist=tmp_path / "state")
    first.close()
    second = StateFile(tmp_path / "state")
    second.load()
    second.close()


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    """What is no database, or another program's, is refused and not changed."""
    text = tmp_path / "notes.txt"
    text.write_text("no database at all, but long enough to be looked at for a header of a hundred bytes")
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE invoices (id)")
    connection.close()
    for path, why in [(text, "not a database"), (other, "another program"), (tmp_path, "directory")]:
        before = path.read_bytes() if path.is_file() else None
        with pytest.raises(UnusableStateFile, match=why):
            StateFile(path).load()
        assert (path.read_bytes() if path.is_file() else None) == before


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    """The text names both versions."""
    path = tmp_path / "state"
    file = StateFile(path)
    file.load()
    file.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(UnusableStateFile, match="version 99, and this emulator reads version 1"):
        CheckoutEmulator(persist=path)


async def test_an_emulator_goes_on_from_its_file(tmp_path: Path) -> None:
    """A new emulator has what the last one had; the same one may be entered again."""
    path = tmp_path / "state"
    emulator = CheckoutEmulator(persist=path)
    for _ in range(2):
        async with emulator:
            emulator.sign_up(1)
    again = CheckoutEmulator(persist=path)
    async with again:
        assert again.state()["subscriptions"] == emulator.state()["subscriptions"]
        assert len(again.state()["subscriptions"]) == 2
