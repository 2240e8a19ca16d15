"""The two arguments of an operation: the context it runs in, and the request."""

from collections.abc import Mapping
from typing import TypeVar

from attrs import evolve, field, frozen

from nexi_async.emulator._engine.random_source import RandomSource, is_id, normal_id
from nexi_async.emulator._engine.responses import invalid, not_found
from nexi_async.emulator._engine.settings import Settings
from nexi_async.emulator._engine.state import State
from nexi_async.emulator._engine.wire import JSON

Found = TypeVar("Found")


@frozen
class Context:
    """The state, the settings, the random source and the time; operations have no other input."""

    state: State
    settings: Settings
    random_source: RandomSource
    now: float
    checkout_key: str = ""

    def new_id(self) -> str:
        return (
            self.random_source.structured_id(self.now) if self.settings.structured_ids else self.random_source.new_id()
        )


@frozen
class APIRequest:
    """A request of the API, without what belongs to HTTP.

    Attributes:
        path: Path parameters by name.
        query: Query parameters by lower-case name.
        body: The parsed JSON body, None if there was none or it was null; an operation gets it as it was validated.
        base_url: Scheme and host that the client used, without a slash at the end.
    """

    path: Mapping[str, str] = field(factory=dict)
    query: Mapping[str, str] = field(factory=dict)
    body: JSON = None
    key: str | None = None
    base_url: str = "http://testserver"

    def find(self, context: Context, among: Mapping[str, Found]) -> Found:
        """The entry that the id in the path names.

        Raises:
            Refusal: It is no id, or names nothing.
        """
        text = self.path["id"]
        if not is_id(text) and context.settings.malformed_id_status == 400:
            raise invalid({"id": ["Must be a UUID"]})
        found = among.get(normal_id(text))
        if found is None:
            raise not_found()
        return found


def run_due(context: Context) -> None:
    """Run the scheduled work that is due, each at its own time."""
    schedule = context.state.schedule
    while schedule.is_due(context.now):
        due, action = schedule.take()
        action(evolve(context, now=due))
