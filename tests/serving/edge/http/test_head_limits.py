from __future__ import annotations

import pytest

from serving.edge.http.head_limits import MOST_BYTES, MOST_FIELDS, Framing, check_host, check_hosts, check_size
from serving.kernel.errors import HeadTooLarge, Malformed, TargetTooLong


def test_a_head_at_the_limits_is_accepted() -> None:
    check_size(b"x" * MOST_BYTES, [])
    check_size(b"/", [(b"a", b"")] * MOST_FIELDS)
    check_size(b"/", [(b"a", b"x" * (MOST_BYTES - 6))])


@pytest.mark.parametrize(
    ("target", "fields", "wire"),
    [
        (b"/", [(b"a", b"")] * (MOST_FIELDS + 1), 0),
        (b"/", [(b"a", b"x" * (MOST_BYTES - 5))], 0),
        (b"/", [(b"a", b"x")], MOST_BYTES + 1),
    ],
)
def test_one_beyond_a_limit_is_refused(target: bytes, fields: list[tuple[bytes, bytes]], wire: int) -> None:
    with pytest.raises(HeadTooLarge):
        check_size(target, fields, wire)


def test_a_long_target_has_an_error_of_its_own() -> None:
    with pytest.raises(TargetTooLong):
        check_size(b"x" * (MOST_BYTES + 1), [])


@pytest.mark.parametrize(("hosts", "version", "valid"), [(0, "1.1", False), (2, "1.1", False), (0, "1.0", True)])
def test_a_request_names_one_host(hosts: int, version: str, valid: bool) -> None:
    fields = [(b"accept", b"*/*"), *[(b"host", b"x")] * hosts]
    if valid:
        check_hosts(fields, version)
    else:
        with pytest.raises(Malformed, match=f"this one has {hosts}"):
            check_hosts(fields, version)


HOSTS = (b"", b"x", b"models.example:8000", b"x:", b"my_host", b"[::1]:8000", b"[fe80::1%25eth0]", b"a%41", b" x ")
NO_HOSTS = (b"a b", b"a,b c", b"x/y", b"x@y", b"x:port", b"x:1:2", b"a%4", b"[::1", b"::1", b"a?b", b"\xe9", b"<")


@pytest.mark.parametrize("value", [*HOSTS, *NO_HOSTS])
def test_a_host_is_a_name_or_an_address_perhaps_with_a_port(value: bytes) -> None:
    if value in HOSTS:
        check_host(value)
    else:
        with pytest.raises(Malformed, match="`host` must be a name or an address"):
            check_hosts([(b"host", value)], "1.0")


def test_a_body_of_one_byte_chunks_is_accepted_and_a_body_of_framing_is_not() -> None:
    framing = Framing()
    for _ in range(200_000):
        framing.add_wire(6)
        framing.add_body(1)
    framing = Framing()
    framing.add_wire(MOST_BYTES)
    with pytest.raises(Malformed):
        framing.add_wire(1)
