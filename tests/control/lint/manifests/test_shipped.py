from __future__ import annotations

from pathlib import Path

import pytest

from control.lint.manifests.lint import lint
from control.lint.manifests.options import LintOptions
from control.lint.manifests.targets import of_repository


@pytest.mark.slow
def test_what_the_repository_ships_has_no_finding(root: Path, schemas: Path) -> None:
    report = lint(of_repository(root), LintOptions(schemas=schemas))
    assert [f"{f.id} {f.file} {f.subject} {f.field}: {f.message}" for f in report.findings] == []
    assert report.checked.objects > 0
