"""Waiting for many sockets at the price of one.

An event loop's own way of waiting for a socket puts it on the loop's watch list, takes it off again, and winds up a
timer, every time: a third of what an exchange costs. A watch keeps its sockets on a list of its own (epoll) for as long
as they are open; the loop watches only that list, and one timer serves all. Nobody is employed to do so. Of the tasks
that wait, one leads: it waits for the list, wakes the tasks whose socket has something or whose time is up, and when
that is itself, hands the lead to another.

Where there is no epoll, every socket is waited for by itself.
"""

from __future__ import annotations

import math
import select
import socket

import anyio

__all__ = ["Watch"]


class Watch:
    """The sockets of one client."""

    def __init__(self) -> None:
        self._list: select.epoll | None = None
        self._watched = 0
        self._waiters: dict[int, _Waiter] = {}
        self._lead: anyio.CancelScope | None = None
        self._next_check = math.inf

    def add(self, watched: socket.socket) -> None:
        """Watch a socket until it is closed; then say so with `forget`."""
        if not hasattr(select, "epoll"):
            return
        if self._list is None:
            self._list = select.epoll()
        self._list.register(watched, select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET)
        self._watched += 1

    def forget(self) -> None:
        """A watched socket was closed; the list goes with the last of them."""
        if self._list is None:
            return
        self._watched -= 1
        if not self._watched:
            self._list.close()
            self._list = None

    async def readable(self, watched: socket.socket, deadline: float) -> None:
        """Wait until something comes; try to read first, for what came before is not told again.

        Raises:
            TimeoutError: nothing came until the deadline, a moment of the event loop's clock.
        """
        if self._list is None:
            with anyio.fail_after(deadline - anyio.current_time()):
                await anyio.wait_readable(watched)
        else:
            await self._wait(self._list, watched.fileno(), deadline)

    async def _wait(self, watch_list: select.epoll, number: int, deadline: float) -> None:
        waiter = self._waiters[number] = _Waiter(deadline)
        try:
            while not waiter.is_served:
                if self._lead is None:
                    await self._serve_until_served(watch_list, waiter)
                else:
                    self._check_by(deadline)
                    await waiter.until_woken()
        finally:
            del self._waiters[number]
            if self._lead is None:
                self._call_for_a_leader()
        if waiter.is_late:
            raise TimeoutError

    async def _serve_until_served(self, watch_list: select.epoll, leader: _Waiter) -> None:
        try:
            while not leader.is_served:
                self._next_check = min(self._next_check, leader.deadline)
                with anyio.CancelScope(deadline=self._next_check) as self._lead:
                    while not leader.is_served:
                        await anyio.wait_readable(watch_list)
                        self._wake_ready(watch_list)
                if self._lead.cancelled_caught:
                    self._wake_ready(watch_list)
                    self._wake_late()
        finally:
            self._lead = None

    def _wake_ready(self, watch_list: select.epoll) -> None:
        for number, _ in watch_list.poll(0):
            waiter = self._waiters.get(number)
            if waiter is not None:
                waiter.is_served = True
                waiter.wake()

    def _wake_late(self) -> None:
        """Seldom called: the check falls due when a deadline is reached that was the earliest of all once."""
        now = anyio.current_time()
        for waiter in self._waiters.values():
            if not waiter.is_served and waiter.deadline <= now:
                waiter.is_served = waiter.is_late = True
                waiter.wake()
        self._next_check = min((w.deadline for w in self._waiters.values() if not w.is_served), default=math.inf)

    def _check_by(self, deadline: float) -> None:
        if deadline < self._next_check and self._lead is not None:
            self._next_check = self._lead.deadline = deadline

    def _call_for_a_leader(self) -> None:
        for waiter in self._waiters.values():
            if not waiter.is_served:
                waiter.wake()
                return


class _Waiter:
    """A task that waits for one socket."""

    __slots__ = ("_woken", "deadline", "is_late", "is_served")

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.is_served = False
        self.is_late = False
        self._woken: anyio.Event | None = None

    async def until_woken(self) -> None:
        """Sleep until the leader has something to say, be it that a new leader is needed."""
        self._woken = anyio.Event()
        await self._woken.wait()

    def wake(self) -> None:
        if self._woken is not None:
            self._woken.set()
