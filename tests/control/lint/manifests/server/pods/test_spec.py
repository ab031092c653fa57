from __future__ import annotations

import pytest

from tests.control.lint.manifests.server.said import accepted, refused, said, said_of_pod


@pytest.mark.parametrize("text", accepted("spec"))
def test_accepted(text: str) -> None:
    assert said_of_pod(text) == []


@pytest.mark.parametrize(("text", "words"), refused("spec"))
def test_refused(text: str, words: str) -> None:
    assert any(line.startswith(words) for line in said_of_pod(text)), said_of_pod(text)


def test_an_image_with_spaces_is_refused_in_a_pod_and_not_in_a_template() -> None:
    pod = 'spec: {containers: [{name: a, image: "b "}]}'
    (line,) = said(f"{{apiVersion: v1, kind: Pod, metadata: {{name: a}}, {pod}}}")
    assert line.endswith("must not have leading or trailing whitespace")
    assert said_of_pod('containers: [{name: a, image: "b "}]') == []
