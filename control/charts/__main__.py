"""`python -m control.charts`: write what is generated from the apps and the chart. Tests compare it."""

from __future__ import annotations

import sys

from control.charts.apps import apps_yaml
from control.charts.kustomize import generated, texts
from control.charts.readme import readme
from control.charts.render import CHART, ChartError
from control.console import fail

__all__ = ["main"]


def main() -> int:
    """Write every generated file; returns the exit status."""
    (CHART / "apps.yaml").write_text(apps_yaml())
    (CHART / "README.md").write_text(readme())
    try:
        # After apps.yaml, which the templates read.
        found = texts()
    except ChartError as error:
        fail(str(error))
        return 1
    k8s = CHART.parents[1] / "k8s"
    for path in generated(k8s) - {k8s / name for name in found}:
        path.unlink()
    for name, text in found.items():
        path = k8s / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
