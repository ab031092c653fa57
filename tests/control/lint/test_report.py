from __future__ import annotations

from tests.control.lint import reports


def test_findings_are_counted_by_severity() -> None:
    for report in (reports.manifests(), reports.triton()):
        assert (report.errors, report.warnings) == (1, 1)


def test_the_exit_code_counts_warnings_only_when_asked() -> None:
    report = reports.manifests()
    assert report.failed(strict=False) and report.failed(strict=True)
    report.findings = report.findings[1:]
    assert not report.failed(strict=False) and report.failed(strict=True)
    report.findings = []
    assert not report.failed(strict=True)


def test_a_row_has_a_cell_for_each_column_and_json_every_finding() -> None:
    for report in (reports.manifests(), reports.triton()):
        assert {len(row) for row in report.rows()} == {len(report.linter.columns)}
        assert [entry["rule"] for entry in report.as_json()["findings"]] == [f.id for f in report.findings]
