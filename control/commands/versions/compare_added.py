"""`slipway compare` for two versions of a model that was added from a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from control.console import note, print_json, print_table, stderr
from control.settings import StackSettings

if TYPE_CHECKING:
    from training.compare.answers import AnswerLine, Answers

__all__ = ["answers_alone", "compare_added"]


def answers_alone(
    settings: StackSettings, app: str, versions: tuple[int, int], options: Sequence[str], data: Sequence[Path]
) -> bool:
    """Whether these are versions of an added model that can only be compared by their answers.

    Versions that were judged have metrics; so has any version on a file whose label an option names, or by whose
    label the newer version was judged. Raises `DataError` for an unknown version.
    """
    from serving.kernel.added.find import find_added
    from training.compare.run import CompareRequest, manifests_of

    if options or find_added(settings.model_repository, app) is None:
        return False
    request = CompareRequest(app=app, versions=versions, repository=settings.model_repository)
    manifests = manifests_of(request)
    newer = max(manifests, key=lambda manifest: manifest.version)
    return not (newer.gate if data else all(manifest.gate for manifest in manifests))


def compare_added(
    settings: StackSettings, app: str, versions: tuple[int, int], data: Sequence[Path], as_json: bool
) -> None:
    """Compare the answers of both versions, and print them. Raises `DataError`, `ScoreError`."""
    from training.compare.answers import AnswersRequest, compare_answers
    from training.progress import RichProgress
    from training.score.version import ModelRuntime

    if len(data) > 1:
        raise typer.BadParameter("--data: give one file of questions for an added model")
    home = settings.home.resolve()
    runtime = ModelRuntime(
        repository=str(settings.model_repository.resolve()),
        providers=settings.onnx_providers,
        cache=str(home / "cache"),
    )
    request = AnswersRequest(app=app, versions=versions, home=home, runtime=runtime, data=next(iter(data), None))
    result = compare_answers(request, RichProgress(stderr()))
    if as_json:
        import msgspec

        print_json(msgspec.to_builtins(result))
    else:
        _show(result)


def _show(result: Answers) -> None:
    columns = ("field of the answer", "rows", "same", "mean difference", "largest difference")
    print_table(columns, map(_cells, result.lines))
    source = f"of {result.data}" if result.data else "that are golden rows of one of them"
    note(f"{result.app}: versions {result.first} and {result.second} on {result.rows} rows {source}.")
    for version, count in ((result.first, result.only_first), (result.second, result.only_second)):
        if count:
            note(f"{count} more rows were answered by version {version} alone; the other one rejects them.")
    if result.neither:
        note(f"{result.neither} more rows were rejected by both; `slipway score` writes the reasons into a file.")
    if result.only:
        note(f"Only one of them answers with: {', '.join(result.only)}.")
    note("The answers are compared with each other, not with known answers.")


def _cells(line: AnswerLine) -> tuple[str, ...]:
    figures = ("" if value is None else f"{value:.3g}" for value in (line.mean, line.largest))
    return (line.output, str(line.rows), f"{line.same:.1%}", *figures)
