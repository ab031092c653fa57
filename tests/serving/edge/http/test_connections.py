from __future__ import annotations

from dataclasses import dataclass, field

from serving.edge.http.connections import CLOSED_AT_ONCE, Connections


@dataclass
class Crowd:
    """Connections that come and go as real ones do: a closed one leaves at once."""

    limits: Connections
    here: list[Fake] = field(default_factory=list)

    def add(self, peer: str, idle_since: float | None = None) -> Fake | None:
        made = Fake(self, peer, idle_since)
        others = list(self.here)
        self.limits.peers[peer] += 1
        crowded = len(others) + 1 > self.limits.most or self.limits.peers[peer] > self.limits.most_of_peer
        if crowded and not self.limits.make_room(peer, others):
            self.limits.peers[peer] -= 1
            return None
        self.here.append(made)
        return made


@dataclass(eq=False)
class Fake:
    crowd: Crowd
    peer: str
    idle_since: float | None = None
    closed: bool = False

    def close_idle(self) -> None:
        self.closed = True
        self.crowd.here.remove(self)
        self.crowd.limits.peers[self.peer] -= 1


def test_without_room_a_busy_crowd_keeps_its_place() -> None:
    crowd = Crowd(Connections(2, 0))
    first, second = crowd.add("a"), crowd.add("b")
    assert first is not None and second is not None
    assert crowd.add("c") is None
    assert not first.closed and not second.closed
    first.close_idle()
    assert crowd.add("c") is not None


def test_the_connection_that_was_idle_longest_makes_room() -> None:
    crowd = Crowd(Connections(CLOSED_AT_ONCE + 2, 0))
    idle = [crowd.add("a", float(since)) for since in range(CLOSED_AT_ONCE + 2)]
    assert crowd.add("b") is not None
    assert [one is not None and one.closed for one in idle] == [True] * CLOSED_AT_ONCE + [False] * 2


def test_a_peer_at_its_limit_takes_no_connection_of_another() -> None:
    crowd = Crowd(Connections(10, 2))
    other = crowd.add("other", 0.0)
    own = [crowd.add("greedy", 5.0), crowd.add("greedy")]
    assert crowd.add("greedy") is not None
    assert other is not None and not other.closed
    assert own[0] is not None and own[0].closed
    assert crowd.add("greedy") is None, "both are busy now"


def test_the_peer_with_most_connections_makes_room_for_a_new_one() -> None:
    crowd = Crowd(Connections(4, 0))
    few = crowd.add("few", 0.0)
    many = [crowd.add("many", 9.0) for _ in range(3)]
    assert crowd.add("new") is not None
    assert few is not None and not few.closed
    assert all(one is not None and one.closed for one in many)


def test_zero_is_no_limit() -> None:
    crowd = Crowd(Connections(0, 0))
    assert all(crowd.add("a") is not None for _ in range(50))
