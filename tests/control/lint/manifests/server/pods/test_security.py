from __future__ import annotations

import pytest

from tests.control.lint.manifests.server.said import accepted, refused, said_of_container, said_of_pod


@pytest.mark.parametrize("text", accepted("security"))
def test_accepted(text: str) -> None:
    assert said_of_pod(text) == []


@pytest.mark.parametrize(("text", "words"), refused("security"))
def test_refused(text: str, words: str) -> None:
    assert any(line.startswith(words) for line in said_of_pod(text)), said_of_pod(text)


def test_a_privileged_container_may_always_gain_privileges() -> None:
    assert said_of_container("securityContext: {privileged: true}") == []
    (line,) = said_of_container("securityContext: {privileged: true, allowPrivilegeEscalation: false}")
    assert line.endswith("cannot set `allowPrivilegeEscalation` to false and `privileged` to true")
