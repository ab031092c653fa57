from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.contest.contestants import CONTESTANTS, Contestant
from benchmarks.setup.place import Place
from benchmarks.setup.servers import Launch
from serving.kernel.find_app import find_apps
from serving.kernel.settings import Settings, read


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    return Launch(
        python=Path("/env/bin/python"),
        model=tmp_path / "autoencoder.onnx",
        name="autoencoder",
        threads=1,
        http=18001,
        grpc=18002,
        spare=(18003, 18004, 18005),
        folder=tmp_path,
        place=Place(tmp_path),
    )


@pytest.mark.parametrize("contestant", CONTESTANTS.values(), ids=lambda item: item.name)
def test_it_is_told_its_model_and_port(contestant: Contestant, launch: Launch) -> None:
    contestant.start.prepare(launch)
    told = [*contestant.start.command(launch), *map(str, contestant.start.variables(launch).values())]
    told += [path.read_text() for path in launch.folder.glob("*settings.json")]
    assert any("18001" in word for word in told)
    assert any("autoencoder" in word for word in told)


def test_slipway_keeps_its_defaults(launch: Launch) -> None:
    given = dict(CONTESTANTS["slipway-2"].start.variables(launch))
    assert given.pop("SLIPWAY_RAY_PORT") == "18003"
    settings = read(Settings, given)
    plain = Settings(
        home=launch.folder,
        model_repository=launch.place.repository,
        apps=("benchmarks.apps.autoencoder",),
        replicas=2,
        http_port=18001,
        grpc_port=18002,
    )
    assert settings == plain
    assert [app.name for app in find_apps(settings.apps)] == ["autoencoder"]


def test_mlserver_batches_in_its_own_process(launch: Launch) -> None:
    CONTESTANTS["mlserver"].start.prepare(launch)
    assert json.loads((launch.folder / "settings.json").read_text())["parallel_workers"] == 0
    assert json.loads((launch.folder / "model-settings.json").read_text())["max_batch_size"] == 64
