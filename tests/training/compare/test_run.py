"""Two real versions of the toy in a real registry, compared by the rows they kept and on a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.training import toy
from training.compare.run import CompareRequest, Comparison, compare
from training.errors import DataError, RegistryError
from training.fit.trainer import Trainer
from training.recipe import Fitted, Split
from training.registry.mlflow_registry import Registry
from training.run import TrainRequest, train


class Quick(toy.Toy):
    """Takes a booster fitted in this process."""

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds

    def fit(self, split: Split, trainer: Trainer) -> Fitted:
        return self.fitted(toy.local_booster(self.rounds), {"rounds": self.rounds})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Path]:
    """Versions 1 (few rounds), 2 (many) and 3 (other data), and two files."""
    place = tmp_path_factory.mktemp("compared")
    (place / "mlflow.db").write_bytes(empty_database.read_bytes())
    toy.Toy().generate(3).to_csv(place / "real.csv", index=False)
    later = toy.Toy().generate(4)
    later["day"] = later["day"].str.replace("2020", "2024")
    later.to_csv(place / "later.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        go(place, 10, "real.csv")
        go(place, 40, "real.csv")
        go(place, 40, "later.csv")
        yield place


def go(place: Path, rounds: int, name: str) -> None:
    request = TrainRequest(
        app="toy", paths=(place / name,), repository=place / "repo", home=place / "home", triton=False
    )
    train(request, registry_of(place), recipe=Quick(rounds))


def registry_of(place: Path) -> Registry:
    return Registry(f"sqlite:///{place}/mlflow.db")


def compared(place: Path, first: int, second: int, *names: str, **more: Any) -> Comparison:
    request = CompareRequest(
        app="toy",
        versions=(first, second),
        repository=place / "repo",
        paths=tuple(place / name for name in names),
    )
    return compare(request, **{"recipe": toy.Toy(), **more})


def test_by_the_rows_their_trainings_kept(folder: Path) -> None:
    found = compared(folder, 1, 2, registry=registry_of(folder))
    line = found.lines[0]
    assert (line.metric, line.slice, line.verdict) == ("mae", "all", "version 2 is better")
    assert {one.slice for one in found.lines} == {"all", "a > 0", "a <= 0"}
    assert found.rows == found.rows_first == found.rows_second == line.rows
    assert found.data == ""
    (note,) = found.notes
    assert "12 intervals of 95% are shown" in note and "about 0.6 of them would exclude 0 by chance" in note
    assert msgspec.json.decode(msgspec.json.encode(found), type=Comparison) == found


def test_on_a_file_the_figures_are_those_of_training(folder: Path) -> None:
    kept = compared(folder, 1, 2, registry=registry_of(folder))
    again = compared(folder, 1, 2, "real.csv")
    assert again.data == "real.csv"
    for one, other in zip(kept.lines, again.lines, strict=True):
        assert (one.metric, one.slice, one.verdict) == (other.metric, other.slice, other.verdict)
        assert (one.first, one.second) == pytest.approx((other.first, other.second), rel=1e-5)
    assert len(again.notes) == 1


def test_a_version_that_may_know_the_file_is_named(folder: Path) -> None:
    notes = compared(folder, 2, 3, "later.csv").notes
    assert any(note.startswith("trained on different data: version 2 on real.csv (") for note in notes)
    assert any(
        "version 2 was trained on real.csv" in note and "may have been fitted on some" in note for note in notes
    )
    assert not any("version 3 was trained" in note for note in notes)


def test_nothing_in_common_says_why_and_what_to_do(folder: Path) -> None:
    with pytest.raises(DataError) as error:
        compared(folder, 2, 3, registry=registry_of(folder))
    message = str(error.value)
    assert (
        "version 2 and version 3 have no common test row; they were judged on different data: real.csv ("
        in message
    )
    assert "Judge both on one file with --data" in message


def test_versions_without_rows_say_so(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="MLflow, which is not running; start it or give --data"):
        compared(folder, 1, 2)
    with pytest.raises(DataError, match="version 9 in the model repository"):
        compared(folder, 1, 9, registry=registry_of(folder))
    with pytest.raises(DataError, match="is given twice"):
        compared(folder, 1, 1, registry=registry_of(folder))


def test_a_version_from_before_rows_were_kept(folder: Path) -> None:
    class Forgetful(Registry):
        """As a registry with older runs: they have no such folder."""

        def fetch(self, run_id: str, path: str, folder: Path) -> Path | None:
            return super().fetch(run_id, "no-such-folder", folder)

    with pytest.raises(DataError, match="version 1 kept no evaluation rows .*--data"):
        compared(folder, 1, 2, registry=Forgetful(registry_of(folder).tracking_uri))


def test_a_registry_that_is_away(folder: Path, unused_port: int) -> None:
    with pytest.raises(RegistryError, match="slipway up"):
        compared(folder, 1, 2, registry=Registry(f"http://127.0.0.1:{unused_port}"))
