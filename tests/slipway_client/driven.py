"""Operations of the core, driven by a test instead of a client: no sockets, and a clock that stands still."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from slipway_client.core.options import Options
from slipway_client.core.steps import Event, Failure, Outcome, Reply, Request, Send, Steps, Turn, Wait
from slipway_client.errors import SlipwayError

__all__ = ["Clock", "Driven", "drive", "failure", "options", "problem", "reply"]


@dataclass
class Clock:
    """Seconds, which pass only while something waits."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def options(clock: Clock | None = None, **fields: Any) -> Options:
    given: dict[str, Any] = {"url": "http://gateway", "clock": clock or Clock(), "jitter": lambda: 0.5, **fields}
    return Options(**given)


def reply(status: int = 200, document: Any = None, **headers: str) -> Reply:
    """An answer; underscores in the names of headers stand for hyphens."""
    body = document if isinstance(document, bytes) else json.dumps(document or {}).encode()
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def problem(status: int, detail: str = "no", kind: str = "", **headers: str) -> Reply:
    document = {"status": status, "detail": detail, "type": f"urn:slipway:problem:{kind}"}
    return reply(status, document, **headers)


def failure(outcome: Outcome) -> Failure:
    return Failure(outcome, OSError("of the test"))


@dataclass
class Driven:
    """What an operation did."""

    result: Any = None
    error: Exception | None = None
    sent: list[Send] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    @property
    def requests(self) -> list[Request]:
        return [send.request for send in self.sent]


def drive(steps: Steps[Any], *events: Event, clock: Clock | None = None) -> Driven:
    """Answer each `Send` with the next of the events; every one of them must be used."""
    left = list(events)
    done = Driven()
    event: Event = None
    try:
        while True:
            step = steps.send(event)
            if isinstance(step, Turn):
                event = None
            elif isinstance(step, Wait):
                done.waits.append(step.seconds)
                event = None
                if clock is not None:
                    clock.now += step.seconds
            else:
                done.sent.append(step)
                event = left.pop(0)
    except StopIteration as end:
        done.result = end.value
    except (SlipwayError, TypeError, ValueError) as error:
        done.error = error
    assert left == [], f"{len(done.sent)} requests were sent, {len(left)} answers were not used"
    return done
