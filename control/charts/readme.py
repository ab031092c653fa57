"""`charts/slipway/README.md`: a table of the chart's values, from the comments in `values.yaml`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from control.charts.render import CHART

__all__ = ["Option", "options", "readme"]

KEY = re.compile(r"( *)([A-Za-z][A-Za-z0-9]*):")
NOTE = "<!-- Written by `python -m control.charts` from values.yaml, ci/ and templates/. -->\n"
HEAD = """\
# The chart slipway

```
helm install slipway charts/slipway --namespace slipway --create-namespace --values my-values.yaml
```

A gateway is ready when each of its apps has a version. Set one of `repositorySync` (a bucket),
`modelRepository.images` (images with models) or, for a first try, `training.bootstrap.enabled` (a training on
synthetic data).

All small apps share a Deployment; apps with GPUs have RayServices. Each group has a Service, and scaling, a
disruption budget, routes, monitors and alerts if they are enabled. `apps.yaml` is generated from the apps, so a
new app needs no change here. [docs/kubernetes.md](../../docs/kubernetes.md) lists what the cluster must provide,
and what has not been tested on a cluster. No value may be null, except those of `podSecurityContext`.
"""


@dataclass(frozen=True, slots=True)
class Option:
    """One commented value; `path` has dots between its keys."""

    path: str
    default: str
    text: str


def options(text: str) -> list[Option]:
    """The commented keys of a YAML file that is indented by two spaces, in the file's order."""
    values = yaml.safe_load(text)
    return [Option(".".join(path), _default(values, path, text), comment) for path, comment in _commented(text)]


def readme(chart: Path = CHART) -> str:
    """The file's text."""
    rows = [
        f"| `{option.path}` | {f'`{option.default}`' if option.default else ''} | {option.text} |"
        for option in options((chart / "values.yaml").read_text())
    ]
    sets = [
        f"- `{path.name}`: {path.read_text().splitlines()[0].removeprefix('# ')}"
        for path in sorted((chart / "ci").glob("*.yaml"))
    ]
    table = ["| value | default | meaning |", "|---|---|---|", *rows]
    kept = ["## Examples in `ci/`", "", *sets, ""]
    return "\n".join([NOTE, HEAD, "## Values", "", *table, "", *kept])


def _commented(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """(path, comment) of each key with a comment right above it."""
    path: list[str] = []
    comment: list[str] = []
    for line in text.splitlines():
        found = KEY.match(line)
        if line.lstrip().startswith("# "):
            comment.append(line.strip()[2:])
            continue
        if found:
            path = [*path[: len(found[1]) // 2], found[2]]
            if comment:
                yield tuple(path), " ".join(comment)
        comment = []


def _default(values: Any, path: tuple[str, ...], text: str) -> str:
    """The value as JSON, or nothing for a key whose own keys are in the table."""
    for name in path:
        values = values[name]
    if isinstance(values, dict) and any(
        inner[: len(path)] == path for inner, _ in _commented(text) if inner != path
    ):
        return ""
    return json.dumps(values).replace("|", "\\|")
