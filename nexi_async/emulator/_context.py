"""What an operation gets to see: the moment it happens in, and the call that asks for it."""

from collections.abc import Mapping
from typing import TypeVar

from attrs import evolve, field, frozen

from nexi_async.emulator._random_source import Dice, is_id, normal_id
from nexi_async.emulator._responses import invalid, not_found
from nexi_async.emulator._settings import Settings
from nexi_async.emulator._state import Books
from nexi_async.emulator._wire import JSON

Found = TypeVar("Found")


@frozen
class Moment:
    """The books, the switches, chance and the time; operations have nothing else."""

    books: Books
    settings: Settings
    dice: Dice
    now: float
    checkout_key: str = ""

    def new_id(self) -> str:
        """An id for something new."""
        return self.dice.structured_id(self.now) if self.settings.structured_ids else self.dice.new_id()


@frozen
class Call:
    """A request, as far as the operations care.

    Attributes:
        path: Path parameters by name.
        query: Query parameters by lower-case name.
        body: The parsed JSON body; None if there was none or it was null.
        key: The idempotency key.
        base_url: Scheme and host that the client used, without a slash at the end.
    """

    path: Mapping[str, str] = field(factory=dict)
    query: Mapping[str, str] = field(factory=dict)
    body: JSON = None
    key: str | None = None
    base_url: str = "http://testserver"

    def find(self, moment: Moment, among: Mapping[str, Found]) -> Found:
        """What the id in the path names.

        Raises:
            Refusal: It is no id, or names nothing.
        """
        text = self.path["id"]
        if not is_id(text) and moment.settings.malformed_id_status == 400:
            raise invalid({"id": ["Must be a UUID"]})
        found = among.get(normal_id(text))
        if found is None:
            raise not_found()
        return found


def catch_up(moment: Moment) -> None:
    """Do what has become due by itself, each at its own time."""
    agenda = moment.books.agenda
    while agenda.is_due(moment.now):
        due, action = agenda.take()
        action(evolve(moment, now=due))
