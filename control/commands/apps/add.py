"""`slipway add`: serve a model that somebody already has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from control.commands.apps.verdicts import show_checks, show_metrics, show_refusal
from control.console import note, print_json, print_table

if TYPE_CHECKING:
    from serving.kernel.storage.version_manifest import Manifest
    from training.added.add import Added

__all__ = ["EPILOG", "add"]

EPILOG = (
    "Examples:  slipway add churn.onnx   |   slipway add m.onnx --name c --sample rows.csv --ignore churned   |   "
    "slipway add churn.onnx --sample rows.csv --label churned --time day   |   "
    "slipway add flowers.onnx --labels setosa,versicolor,virginica   |   slipway add lstm.onnx --config lstm.yaml "
    "  |   slipway add pipeline.skops --sample rows.csv   |   slipway add models:/churn@champion   |   "
    "slipway add old.pkl --sample rows.csv --trust   |   slipway add model-folder/"
)


def add(
    source: Annotated[
        str, typer.Argument(help="File, MLflow or Triton folder, s3://..., models:/NAME@ALIAS, or runs:/ID/PATH.")
    ],
    name: Annotated[str, typer.Option(help="Name of the model. Default: that of the file.")] = "",
    sample: Annotated[
        str, typer.Option(help="CSV or Parquet file with rows: it names the columns, and parity is proved on it.")
    ] = "",
    ignore: Annotated[
        list[str] | None, typer.Option(help="Column of the sample that the model does not take; may be repeated.")
    ] = None,
    label: Annotated[
        str, typer.Option(help="Column of the sample with the known answers: the model is judged on them.")
    ] = "",
    time: Annotated[str, typer.Option(help="Column of the sample by whose later half the model is judged.")] = "",
    group: Annotated[
        str, typer.Option(help="Column of the sample whose groups, such as customers, are kept whole.")
    ] = "",
    columns: Annotated[
        str,
        typer.Option(help="Names of the columns in the model's order, comma separated, for one input of several."),
    ] = "",
    labels: Annotated[
        str, typer.Option(help="Names of the classes in the order of the scores, comma separated.")
    ] = "",
    config: Annotated[
        Path | None, typer.Option(help="YAML file with `inputs` (shapes by name), `batch` and `alone`; it wins.")
    ] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Run its author's code: without network, or a folder's in Triton.")
    ] = False,
    triton: Annotated[bool, typer.Option(help="Whether parity includes Triton.")] = True,
    timeout: Annotated[
        float, typer.Option(min=1, max=86400, help="Seconds that the inspection of the model may take.")
    ] = 300,
    promote: Annotated[bool, typer.Option("--promote", help="Make it champion at once.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Add a model from a file: inspect, measure, prove parity, register, publish. It answers seconds later.

    The command finds out what the model takes and gives, whether rows may share a batch, and what its classes are
    called, and says so. What it finds out by running the model can be overruled with --config. Without --sample,
    rows are made up that fit the inputs.

    ONNX is served as it is. Models of scikit-learn (skops), XGBoost (.json, .ubj), LightGBM (.txt) and PyTorch
    (.pt2) are converted in a process of their own, and compared with themselves. A folder in Triton's layout comes
    with the models beside it that it uses; Triton runs it, unless it has a plain ONNX file. Files that run code
    when they are opened, such as pickles, and folders with code need --trust.

    With --label, the model is judged: a naive baseline is fitted on one part of the rows, and the model is
    measured beside it on the other: with --time on the later half, with --group on other groups, else at random.
    A model that is not better is not registered: the exit code is 3, and tables show its metrics and the failed
    checks. Without --label, the version is not judged, and says so.

    The model runs in a process of its own, which is stopped after --timeout. A file that cannot be served is
    refused with the reason, and nothing is left behind, also after Ctrl-C.
    """
    made = _add(
        as_json,
        source,
        name or _name_of(source),
        sample=sample,
        ignored=tuple(ignore or ()),
        label=label,
        time=time,
        group=group,
        columns=_split(columns),
        labels=_split(labels),
        config=config,
        triton=triton,
        promote=promote,
        timeout=timeout,
        trust=trust,
        named=bool(name),
    )
    if as_json:
        print_json(_document(made))
    else:
        _show(made)


def _add(as_json: bool, *words: Any, **options: Any) -> Added:
    """Add the model, or show why its gate refused it."""
    from control.settings import StackSettings
    from control.trainings.add import add_on_stack
    from serving.kernel.settings import read
    from training.errors import GateRefused

    try:
        return add_on_stack(read(StackSettings), *words, **options)
    except GateRefused as refusal:
        show_refusal(refusal, as_json)
        raise


def _name_of(source: str) -> str:
    """The name of the file, or of the registered model, as a model's name."""
    if source.startswith("models:/"):
        source = source.removeprefix("models:/").partition("@")[0].partition("/")[0]
    # A folder may be given as `.`.
    named = Path(source) if Path(source).name not in ("", "..") else Path(source).resolve()
    stem = named.name.partition(".")[0].lower()
    return re.sub(r"[^a-z0-9_-]+", "_", stem).strip("_-")


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",")) if text else ()


def _show(made: Added) -> None:
    from control.commands.apps.predict import address_of
    from control.settings import StackSettings
    from serving.kernel.settings import read

    manifest = made.manifest
    tensors = [("input", spec.name, spec.datatype, str(list(spec.shape))) for spec in manifest.inputs]
    tensors += [("output", spec.name, spec.datatype, str(list(spec.shape))) for spec in manifest.outputs]
    print_table(("tensor", "name", "type", "shape"), tensors)
    print_table(
        ("parity", "output", "rows", "largest difference", "allowed"),
        ((p.pair, p.output, str(p.rows), f"{p.max_error:.2g}", f"{p.tolerance:g}") for p in manifest.parity),
    )
    if manifest.gate:
        show_metrics(manifest.metrics)
        show_checks(manifest.gate)
    for text in manifest.notes:
        note(text)
    note(f"{manifest.model} version {manifest.version} is published; {_verdict(manifest)}")
    if made.aliases.champion == manifest.version:
        at = address_of(read(StackSettings))
        note(f"Try it:  slipway predict {manifest.model}   (http://{at}/docs has the paths)")
    else:
        command = f"slipway promote {manifest.model} {manifest.version}"
        note(f"The champion is still version {made.aliases.champion}; `{command}` changes that.")


def _verdict(manifest: Manifest) -> str:
    from training.added.truth.words import UNKNOWN

    if not manifest.gate:
        return "it was not judged against known answers (--label)."
    return f"it passed {len(manifest.gate)} checks of its gate. {UNKNOWN}"


def _document(made: Added) -> dict[str, Any]:
    import msgspec

    found = {"manifest": made.manifest, "aliases": made.aliases, "seconds": made.seconds}
    document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(found))
    return document
