"""`python -m control.generated_docs`: write the documents that are made from code. A test compares them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from control.cluster.settings import ClusterSettings
from control.settings import StackSettings
from serving.kernel.settings import Settings, describe

__all__ = ["commands", "main", "settings", "triton_rules"]

DOCS = Path(__file__).resolve().parents[1] / "docs"
NOTE = "<!-- Written by `python -m control.generated_docs`. -->\n"

TRITON_HEAD = """\
# What `slipway triton lint` checks

The command reads each `config.pbtxt` of a model repository as Triton does. It compares the configuration with the
ONNX graphs of the versions that Triton would load, and each ensemble with the models of its steps. It needs no
Triton. A finding names file, line and key, the value, what was expected and, if it is known, the fix:

    model-repository/price/config.pbtxt:9  error  T140
    input[0].dims: [65]; expected [64], as the graph has [-1, 64] of version 3

An error keeps the model from loading, or makes every request fail. A warning is a setting that has no effect, or
not the effect that it seems to have. The exit code is 1 if there are errors; with `--strict`, also if there are
warnings.

With `--gpus N`, or with `--values FILE` for the Triton that the chart deploys with these values, it also checks
that the models fit the server: GPUs that no model uses, models on GPUs that there are not, models that are not
published (T165 to T168).

The linter cannot know which operators a server's ONNX Runtime supports, or how much memory there is. It opens the
graphs of the ONNX Runtime backend only; for other backends it checks the text alone.

Tests compare the linter with a real tritonserver on a corpus of mistakes: the server loads every model that the
linter passes, and the linter names every model that the server refuses. That server runs the Python replacement of
the ONNX Runtime backend, which does not compare the graph with the configuration. For the rules that do (T131 to
T136, T140 to T142, T147, T148, T181, T190, T191), the behavior of NVIDIA's backend is known from its source only.
"""


def settings() -> str:
    """docs/settings.md"""
    shared = {name for name, _, _ in describe(Settings)}
    rows = describe(StackSettings)
    return "\n".join(
        [
            NOTE,
            "# Settings",
            "",
            "Settings are read once from the environment. An app's own settings are in its `values.yaml`.",
            "",
            "## The data plane",
            "",
            *_table([row for row in rows if row[0] in shared]),
            "",
            "## The local stack",
            "",
            *_table([row for row in rows if row[0] not in shared]),
            "",
            "## Training on a cluster",
            "",
            *_table(describe(ClusterSettings)),
            "",
            "With `MLFLOW_TRACKING_URI`, commands use that MLflow instead of the local stack's. `SLIPWAY_DSN` is",
            "the database that `slipway train --query` reads. `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,",
            "`AWS_REGION` and `AWS_ENDPOINT_URL` are the credentials and the endpoint of buckets (`s3://`).",
            "",
        ]
    )


def commands() -> str:
    """docs/commands.md"""
    from control.cli import command_for

    lines = [NOTE, "# Commands", ""]
    for name, command in _walk(command_for(), "slipway"):
        lines += [f"## {name}", "", *_paragraphs(command.help or ""), ""]
        lines += [f"- `{' '.join(_names(item))}` {_text(item)}" for item in command.params if _shown(item)]
        lines += ["", f"{command.epilog or ''}", ""]
    return "\n".join(lines)


def triton_rules() -> str:
    """docs/triton-lint.md"""
    from control.lint.rules import triton_rules

    rows = [f"| {rule.id} | {rule.severity} | {rule.title} | {rule.why} |" for rule in triton_rules().values()]
    table = ["| rule | severity | what | why |", "|---|---|---|---|", *rows, ""]
    return "\n".join([NOTE, *TRITON_HEAD.splitlines(), "", *table])


def main() -> None:
    """Write all generated documents."""
    (DOCS / "settings.md").write_text(settings())
    (DOCS / "commands.md").write_text(commands())
    (DOCS / "triton-lint.md").write_text(triton_rules())


def _table(rows: list[tuple[str, str, str]]) -> list[str]:
    body = [f"| `{name}` | {f'`{default}`' if default else ''} | {text} |" for name, default, text in rows]
    return ["| variable | default | what it is |", "|---|---|---|", *body]


def _walk(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    subcommands: dict[str, click.Command] = getattr(command, "commands", {})
    if not subcommands:
        yield path, command
    for name, inner in subcommands.items():
        yield from _walk(inner, f"{path} {name}")


def _paragraphs(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


def _names(item: Any) -> list[str]:
    return [item.name.upper()] if item.param_type_name == "argument" else [", ".join(item.opts)]


def _text(item: Any) -> str:
    return getattr(item, "help", "") or ""


def _shown(item: Any) -> bool:
    return "--help" not in item.opts


if __name__ == "__main__":
    main()
