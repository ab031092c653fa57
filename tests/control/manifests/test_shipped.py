from __future__ import annotations

from pathlib import Path

import pytest

from control.manifests.lint import Options, lint
from control.manifests.targets import of_repository


@pytest.mark.slow
def test_what_the_repository_ships_has_no_finding(root: Path, schemas: Path) -> None:
    report = lint(of_repository(root), Options(schemas=schemas))
    assert [f"{f.id} {f.file} {f.resource} {f.field}: {f.message}" for f in report.findings] == []
    assert report.objects > 0
