from __future__ import annotations

from control.errors import ClusterAway, KubernetesError, PartFailed, PortInUse, StackError


def test_a_failed_part_shows_its_log() -> None:
    error = PartFailed("ray", "ended while starting (exit status 1)", "/home/logs/ray.log", "one\ntwo")
    assert str(error).splitlines() == [
        "ray: ended while starting (exit status 1)",
        "log: /home/logs/ray.log",
        "  | one",
        "  | two",
    ]


def test_exit_codes() -> None:
    assert (StackError.exit_code, PartFailed.exit_code, PortInUse.exit_code) == (1, 1, 2)
    assert (KubernetesError.exit_code, ClusterAway.exit_code) == (5, 5)
