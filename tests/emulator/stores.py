"""A store in memory."""

from collections.abc import Iterable

from nexi_async.emulator._engine.persistence import StoredDocument


class MemoryStore:
    """Documents by kind and key, in the order in which they were first saved."""

    def __init__(self) -> None:
        self.documents: dict[tuple[str, str], StoredDocument] = {}
        self.saved: list[StoredDocument] = []

    def load(self) -> list[StoredDocument]:
        """All of them."""
        return list(self.documents.values())

    def save(self, documents: Iterable[StoredDocument], *, discard: bool) -> None:
        """Save them; `saved` has the last ones."""
        if discard:
            self.documents.clear()
        self.saved = list(documents)
        self.documents |= {(each.kind, each.key): each for each in self.saved}
