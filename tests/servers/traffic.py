"""What a server was asked, in which order and how much of it at once; and what it is told to do wrong.

The standard library alone, so that it runs wherever something is to be measured.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

__all__ = ["Dropped", "Late", "Refused", "Request", "Traffic", "Trouble"]


_NAPS = 5


@dataclass(frozen=True)
class Request:
    """One request.

    Attributes
    ----------
    method : str
    key : str
        The path below the server's root, without query and without escapes.
    query : str
    span : str
        The ``Range`` that was asked for; empty for the whole.
    begun, ended : float
        Seconds: when the request was understood and when its answer was there to be sent.
    """

    method: str
    key: str
    query: str
    span: str
    begun: float
    ended: float


@dataclass(frozen=True)
class Refused:
    """An answer that refuses: 500 ``InternalError``, 503 ``SlowDown`` and the like."""

    status: int
    code: str


@dataclass(frozen=True)
class Dropped:
    """The connection ends after so many bytes of the answer's body; with None before any answer.

    What was asked for is done nevertheless.
    """

    after: int | None = None


@dataclass(frozen=True)
class Late:
    """The answer begins so many seconds later."""

    seconds: float


Trouble = Refused | Dropped | Late


@dataclass
class Traffic:
    """The requests to one server, and how it treats them.

    Attributes
    ----------
    latency : float
        Seconds before each answer.
    settling : float
        Seconds without a new request before any answer: requests that are made together are then answered together,
        however slow the machine is on which they are made, and `rounds` counts those that were waited for.
    trouble : callable
        From the method, the key and how often that method was asked for that key before, to what goes wrong or None.
    """

    latency: float = 0.0
    settling: float = 0.0
    trouble: Callable[[str, str, int], Trouble | None] = lambda _method, _key, _count: None
    _requests: list[Request] = field(default_factory=list)
    _asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _latest: float = 0.0

    @property
    def requests(self) -> list[Request]:
        """All whose answers were sent, or met trouble instead, in the order in which they came."""
        with self._lock:
            return sorted(self._requests, key=lambda request: request.begun)

    def asked(self, method: str = "") -> list[str]:
        """Return the keys that were asked for, one as often as it was, in order; by one method, or by all."""
        return [request.key for request in self.requests if method in ("", request.method)]

    def repeated(self) -> list[tuple[str, str, str, str]]:
        """Return the requests that came more than once: method, key, query and range."""
        return [
            what
            for what, times in Counter((r.method, r.key, r.query, r.span) for r in self.requests).items()
            if times > 1
        ]

    @property
    def rounds(self) -> int:
        """The longest row of requests of which each came after the one before was answered."""
        count, answered = 0, float("-inf")
        for request in sorted(self.requests, key=lambda request: request.ended):
            if request.begun >= answered:
                count, answered = count + 1, request.ended
        return count

    @property
    def at_once(self) -> int:
        """The most requests that were under way at one moment."""
        steps = [(r.begun, 1) for r in self.requests] + [(r.ended, -1) for r in self.requests]
        most = here = 0
        for _, step in sorted(steps):
            here += step
            most = max(most, here)
        return most

    def clear(self) -> None:
        """Forget all requests; what is to go wrong counts from here."""
        with self._lock:
            self._requests.clear()
            self._asked.clear()

    def _settle(self) -> None:
        """Wait until no new request came for a while, during which this process was awake."""
        quiet = 0
        while self.settling and quiet < _NAPS:
            latest = self._latest
            time.sleep(self.settling / _NAPS)
            quiet = quiet + 1 if self._latest == latest else 0

    @contextmanager
    def noting(self, method: str, key: str, query: str, span: str) -> Iterator[Trouble | None]:
        """Note a request, before its answer is sent; give what is to go wrong with it."""
        begun = time.monotonic()
        with self._lock:
            count = self._asked[method, key]
            self._asked[method, key] += 1
            self._latest = begun
        trouble = self.trouble(method, key, count)
        time.sleep(self.latency + (trouble.seconds if isinstance(trouble, Late) else 0))
        self._settle()
        try:
            yield trouble
        finally:
            with self._lock:
                self._requests.append(Request(method, key, query, span, begun, time.monotonic()))
