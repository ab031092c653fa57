from __future__ import annotations

import pytest

from control.lint.manifests.server.formats import (
    cidr_problems,
    config_key,
    ip_problems,
    percent,
    port_name,
    qualified_name,
    wildcard_subdomain,
)


@pytest.mark.parametrize("text", ["10.0.0.0/8", "10.1.2.3/16", "2001:db8::/64", "0.0.0.0/0", "::/0"])
def test_ranges(text: str) -> None:
    assert cidr_problems(text) == []


@pytest.mark.parametrize("text", ["10.0.0.1", "10.0.0.0/33", "10.0.0/8", "a/8", "10.0.0.0/", "::/129", "/8"])
def test_no_ranges(text: str) -> None:
    assert cidr_problems(text) == ["must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"]


def test_addresses() -> None:
    assert ip_problems("10.0.0.1") == ip_problems("::1") == ip_problems("010.0.0.01") == []
    assert ip_problems("10.0.0") and ip_problems("a.b") and ip_problems("10.0.0.256")


def test_names_of_ports_say_all_that_is_wrong() -> None:
    assert port_name("http-2") == []
    assert port_name("1-" * 8) == [
        "must be no more than 15 characters",
        "must contain at least one letter (a-z)",
        "must not begin or end with a hyphen",
    ]
    assert port_name("a--b") == ["must not contain consecutive hyphens"]


def test_other_forms() -> None:
    assert percent("25%") == [] and percent("25") and percent("%")
    assert config_key("a.b_C-d") == [] and config_key("..a") == ["must not start with '..'"]
    assert qualified_name("a.io/B") == [] and qualified_name("a.io/") == [
        "name part must be non-empty",
        qualified_name("-")[0],
    ]
    assert wildcard_subdomain("*.a.b") == [] and wildcard_subdomain("*a.b")
