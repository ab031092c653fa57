from __future__ import annotations

from dataclasses import dataclass

from serving.edge.http.connections import CLOSED_AT_ONCE, Connections


@dataclass(eq=False)
class Fake:
    """A connection that leaves when it is closed, as a real one does a moment later."""

    crowd: Connections
    peer: str
    idle_since: float | None = None
    closed: bool = False

    def close_idle(self) -> None:
        self.closed = True
        self.crowd.remove(self.peer, self)


def add(crowd: Connections, peer: str, idle_since: float | None = None) -> Fake | None:
    made = Fake(crowd, peer, idle_since)
    return made if crowd.add(peer, made) else None


def test_without_room_a_busy_crowd_keeps_its_place() -> None:
    crowd = Connections(2, 0)
    first, second = add(crowd, "a"), add(crowd, "b")
    assert first is not None and second is not None
    assert add(crowd, "c") is None
    assert not first.closed and not second.closed
    crowd.remove("a", first)
    assert add(crowd, "c") is not None


def test_the_connection_that_was_idle_longest_makes_room() -> None:
    crowd = Connections(CLOSED_AT_ONCE + 2, 0)
    idle = [add(crowd, "a", float(since)) for since in range(CLOSED_AT_ONCE + 2)]
    assert add(crowd, "b") is not None
    assert [one is not None and one.closed for one in idle] == [True] * CLOSED_AT_ONCE + [False] * 2


def test_a_peer_at_its_limit_takes_no_connection_of_another() -> None:
    crowd = Connections(10, 2)
    other = add(crowd, "other", 0.0)
    own = [add(crowd, "greedy", 5.0), add(crowd, "greedy")]
    assert add(crowd, "greedy") is not None
    assert other is not None and not other.closed
    assert own[0] is not None and own[0].closed
    assert add(crowd, "greedy") is None, "both are busy now"


def test_the_peer_with_most_connections_makes_room_for_a_new_one() -> None:
    crowd = Connections(4, 0)
    few = add(crowd, "few", 0.0)
    many = [add(crowd, "many", 9.0) for _ in range(3)]
    assert add(crowd, "new") is not None
    assert few is not None and not few.closed
    assert all(one is not None and one.closed for one in many)


def test_what_was_refused_may_be_removed() -> None:
    crowd = Connections(1, 1)
    kept = add(crowd, "a")
    crowd.remove("a", Fake(crowd, "a"))
    crowd.remove("b", Fake(crowd, "b"))
    assert kept is not None and add(crowd, "b") is None


def test_zero_is_no_limit() -> None:
    crowd = Connections(0, 0)
    assert all(add(crowd, "a") is not None for _ in range(50))
