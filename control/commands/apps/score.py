"""`slipway score`: turn a file of questions into a file of answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from control.console import note, print_json, stderr

if TYPE_CHECKING:
    from training.score.run import ScoreResult

__all__ = ["EPILOG", "score"]

EPILOG = (
    "Examples:  slipway score price --data questions.parquet --out answers.parquet   |   "
    "slipway score price --data questions.jsonl --out answers.csv --version 2 --keep order_id --json"
)


def score(
    app: Annotated[str, typer.Argument(help="Name of the app, such as price.")],
    data: Annotated[
        Path,
        typer.Option(help="File of questions, or the table that trains the app: Parquet, JSON lines or CSV."),
    ],
    out: Annotated[Path, typer.Option(help="File of answers; its suffix chooses Parquet, JSON lines or CSV.")],
    version: Annotated[int, typer.Option(min=0, help="Score with this version; 0: the champion.")] = 0,
    keep: Annotated[
        list[str] | None, typer.Option(help="Copy this column to the output; may be repeated.")
    ] = None,
    rejects: Annotated[
        Path | None, typer.Option(help="File of rejected rows. Default: beside the output, .rejects.jsonl.")
    ] = None,
    decimal: Annotated[
        str,
        typer.Option(help="How the app's training table writes numbers, where it does not show: comma or point."),
    ] = "",
    workers: Annotated[
        int,
        typer.Option(
            min=0, help="Workers of Ray, one core each; 0: none up to 50,000 rows, else one for each core."
        ),
    ] = 0,
    block_rows: Annotated[
        int, typer.Option(min=1, help="Rows of a block, which is written and resumed as a whole.")
    ] = 20_000,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the output; discard the blocks of an earlier run.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a sentence.")] = False,
) -> None:
    """Score a file in bounded memory, with the features and the model that answer requests.

    The file has one question in each row. For apps whose training table is like that, it may be such a table; its
    other columns, such as the label, are left out and named.

    The output has one row for each row of the file, in the same order: row (from 0), the columns to keep, the
    answer's fields and model_version. For an invalid question the answer's fields are null, and the file of
    rejected rows has a line with row, field and reason. After a run was stopped or killed, the same command scores
    the rest.
    """
    from control.settings import StackSettings
    from serving.kernel.settings import read
    from training.progress import RichProgress
    from training.score.run import ScoreRequest
    from training.score.run import score as story
    from training.score.version import ModelRuntime

    settings = read(StackSettings)
    home = settings.home.resolve()
    request = ScoreRequest(
        app=app,
        data=data,
        out=out,
        home=home,
        runtime=ModelRuntime(
            repository=str(settings.model_repository.resolve()),
            providers=settings.onnx_providers,
            cache=str(home / "cache"),
        ),
        version=version,
        rejects=rejects,
        keep=tuple(dict.fromkeys(keep or ())),
        workers=workers,
        block_rows=block_rows,
        overwrite=overwrite,
        select={"decimal": decimal},
    )
    result = story(request, RichProgress(stderr()))
    if as_json:
        import msgspec

        print_json(msgspec.to_builtins(result))
    else:
        _show(result)


def _show(result: ScoreResult) -> None:
    before = f", {result.resumed} of them by an earlier run" if result.resumed else ""
    note(f"{result.out}: {result.rows} rows scored by {result.app} version {result.version}{before}.")
    if result.rejected:
        note(f"{result.rejected} rows were rejected and have nulls; {result.rejects} has the reasons.")
