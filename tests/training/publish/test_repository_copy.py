from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from serving.kernel.storage.version_manifest import Aliases, Manifest
from tests.serving.added import write_version
from tests.store import Proxy, Store, Verdict
from tests.training.conftest import make_servable
from tests.training.publish.test_rebuild_from_mlflow import digests
from training.data.storage import Location
from training.errors import StorageError
from training.publish import repository
from training.publish.copy_targets import BucketTarget
from training.publish.repository import Change, RepositoryError
from training.publish.repository_copy import apps_of, copy, remove_copies
from training.publish.servable import ServableError


@pytest.fixture
def repo(tmp_path: Path, toy_model: Path) -> Path:
    """A repository with two versions, a champion and a challenger."""
    folder = tmp_path / "repo"
    for number in (1, 2):
        repository.publish(
            make_servable(tmp_path / f"s{number}", toy_model, note=str(number)), folder, "toy", number
        )
    repository.promote(folder, "toy", 1, "the first version")
    repository.set_aliases(folder, "toy", Aliases(champion=1, challenger=2))
    (folder / "toy" / "config.pbtxt").write_text("name: 'toy'\n")
    return folder


@pytest.fixture(params=["folder", "bucket"])
def target(request: pytest.FixtureRequest, tmp_path: Path, store: Store) -> str:
    """Where copies go: both kinds keep the same promises."""
    return str(tmp_path / "target") if request.param == "folder" else f"{store.make('models')}/live"


@pytest.fixture
def bucket(store: Store) -> str:
    return f"{store.make('models')}/live"


def actions(changes: list[Change]) -> list[str]:
    return [change.action for change in changes]


def test_a_repository_comes_back_byte_for_byte(repo: Path, target: str, tmp_path: Path) -> None:
    assert copy(str(repo), target) == [Change("toy", 1, "written"), Change("toy", 2, "written")]
    assert actions(copy(str(repo), target)) == ["kept", "kept"]
    assert apps_of(target) == ["toy"]
    back = tmp_path / "back"
    assert actions(copy(target, str(back))) == ["written", "written"]
    assert digests(back) == digests(repo)
    assert repository.promotions(back, "toy") == repository.promotions(repo, "toy")
    assert repository.aliases(back, "toy") == Aliases(champion=1, challenger=2)


def test_between_buckets_and_only_what_is_asked(repo: Path, store: Store, tmp_path: Path) -> None:
    copy(str(repo), store.make("first"))
    store.make("second")
    store.put("first/other/1/model.onnx", b"an upload that never ended")
    assert actions(copy("s3://first", "s3://second/deep/place", ["toy"])) == ["written", "written"]
    assert apps_of("s3://second/deep/place") == ["toy"]
    with pytest.raises(RepositoryError, match="s3://first: holds no version of other"):
        copy("s3://first", "s3://second", ["other"])
    with pytest.raises(RepositoryError, match="holds no version of any app"):
        copy(str(tmp_path / "empty"), "s3://second")


def test_what_only_the_target_has_stays_unless_pruned(
    repo: Path, target: str, tmp_path: Path, toy_model: Path
) -> None:
    copy(str(repo), target)
    more = tmp_path / "more"
    repository.publish(make_servable(tmp_path / "s7", toy_model, note="7"), more, "toy", 7)
    copy(str(more), target)
    assert copy(str(repo), target)[-1] == Change("toy", 7, "unknown")
    assert copy(str(repo), target, prune=True)[-1] == Change("toy", 7, "removed")
    assert actions(copy(str(repo), target)) == ["kept", "kept"]


def test_other_content_under_a_number_is_refused(repo: Path, target: str, tmp_path: Path, toy_model: Path) -> None:
    copy(str(repo), target)
    other = tmp_path / "other"
    repository.publish(make_servable(tmp_path / "o", toy_model, note="other"), other, "toy", 2)
    with pytest.raises(RepositoryError, match="toy/2: .* have different content for this version"):
        copy(str(other), target)
    assert actions(copy(str(repo), target)) == ["kept", "kept"]


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"rot"), lambda path: path.unlink()])
def test_damage_in_the_target_is_repaired(repo: Path, target: str, damage: Callable[[Path], None]) -> None:
    copy(str(repo), target)
    location = Location.of(target)
    if location.folder:
        damage(location.folder / "toy" / "2" / "model.onnx")
    else:
        location.write("toy/2/model.onnx", b"rot")
    assert actions(copy(str(repo), target)) == ["kept", "repaired"]
    assert actions(copy(str(repo), target)) == ["kept", "kept"]


def test_a_file_that_does_not_match_its_digest_goes_nowhere(
    repo: Path, bucket: str, store: Store, tmp_path: Path
) -> None:
    copy(str(repo), bucket)
    content = Location.of(bucket).read("toy/2/model.onnx") or b""
    Location.of(bucket).write("toy/2/model.onnx", content[:-1] + b"?")
    with pytest.raises(ServableError, match=r"2/model\.onnx: sha256 is"):
        copy(bucket, str(tmp_path / "back"))
    assert repository.versions(tmp_path / "back", "toy") == [1]
    (repo / "toy" / "1" / "golden.jsonl").write_bytes(b"{}")
    with pytest.raises(ServableError, match=r"1/golden\.jsonl"):
        copy(str(repo), store.make("second"))
    assert apps_of("s3://second") == []


def test_a_copy_that_breaks_off_leaves_no_version_and_is_taken_up(
    repo: Path, bucket: str, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Proxy(store) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        proxy.judge = lambda method, path: (403, "AccessDenied") if "/2/golden" in path else None
        with pytest.raises(StorageError, match="not permitted"):
            copy(str(repo), bucket)
    monkeypatch.setenv("AWS_ENDPOINT_URL", store.url)
    assert actions(copy(bucket, str(tmp_path / "back"))) == ["written"]
    assert actions(copy(str(repo), bucket)) == ["kept", "written"]


def test_a_killed_copy_leaves_no_version_and_is_taken_up(
    repo: Path, bucket: str, store: Store, root: Path
) -> None:
    """The manifest is the last file: whenever the process dies, a version is whole or not there."""
    held, never = threading.Event(), threading.Event()

    def judge(method: str, path: str) -> Verdict:
        if method != "PUT" or not path.startswith("/models/live/toy/1/manifest.json"):
            return None
        held.set()
        never.wait(60)
        return 503, "TooLate"

    code = "import sys; from training.publish.repository_copy import copy; copy(*sys.argv[1:])"
    with Proxy(store, judge) as proxy:
        environ = {**os.environ, "AWS_ENDPOINT_URL": proxy.url}
        process = subprocess.Popen([sys.executable, "-c", code, repo, bucket], env=environ, cwd=root)
        try:
            assert held.wait(60)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(60)
            never.set()
        sent = proxy.puts()
    files = len(list((repo / "toy" / "1").rglob("*.*")))
    assert len(set(sent)) == files and sent[-1].endswith("manifest.json")
    assert apps_of(bucket) == []
    assert actions(copy(str(repo), bucket)) == ["written", "written"]


def test_what_was_not_stored_as_it_was_sent_gets_no_manifest(repo: Path, bucket: str, store: Store) -> None:
    class Losing(Location):
        def send(self, source: Path, path: str) -> None:
            if not path.endswith("model.onnx"):
                super().send(source, path)

    location = Location.of(bucket)
    losing = Losing(location.shown, location.root, location.system)
    manifest = repository.manifest(repo, "toy", 1)
    with pytest.raises(StorageError, match=r"toy/1/model\.onnx: was not stored as it was sent"):
        BucketTarget(losing).put("toy", 1, repo / "toy" / "1", manifest)
    assert apps_of(bucket) == []


def reseal(repo: Path, **changes: object) -> None:
    """Version 1 with another manifest."""
    path = repo / "toy" / "1" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda repo: reseal(repo, version=2), "is of toy version 2"),
        (lambda repo: reseal(repo, model="price"), "is of price version 1"),
        (
            lambda repo: reseal(repo, files={"../../../evil": {"sha256": "0", "bytes": 1}}),
            r"the file name '\.\./\.\./\.\./evil' points outside its folder",
        ),
        (
            lambda repo: reseal(repo, files={"/tmp/evil": {"sha256": "0", "bytes": 1}}),
            "the file name '/tmp/evil' points outside its folder",
        ),
        (lambda repo: (repo / "toy/1/manifest.json").write_text("{"), r"toy/1/manifest\.json: "),
        (
            lambda repo: (repo / "toy/aliases.json").write_text('{"champion": 9}'),
            "names version 9, which does not",
        ),
        (lambda repo: (repo / "toy/aliases.json").write_text("[]"), r"toy/aliases\.json: "),
    ],
)
def test_a_source_that_contradicts_itself_is_refused(
    repo: Path, target: str, damage: Callable[[Path], None], words: str
) -> None:
    damage(repo)
    with pytest.raises(RepositoryError, match=words):
        copy(str(repo), target)
    assert not list(Path(repo.parent).rglob("evil"))


def test_aliases_follow_the_longer_promotion_history(repo: Path, target: str) -> None:
    copy(str(repo), target)
    repository.promote(repo, "toy", 2, "better")
    copy(target, str(repo))
    assert repository.aliases(repo, "toy").champion == 2, "an older copy takes nothing back"
    copy(str(repo), target)
    assert json.loads(Location.of(target).read("toy/aliases.json") or b"")["champion"] == 2


def test_repositories_with_different_histories_are_not_mixed(repo: Path, target: str, tmp_path: Path) -> None:
    copy(str(repo), target)
    other = tmp_path / "other"
    copy(target, str(other))
    repository.promote(repo, "toy", 2, "here")
    repository.promote(other, "toy", 2, "there")
    copy(str(other), target)
    with pytest.raises(RepositoryError, match=r"toy/promotions\.jsonl: the histories of .* differ"):
        copy(str(repo), target)


def test_a_version_from_another_release_keeps_its_bytes(repo: Path, tmp_path: Path, bucket: str) -> None:
    """A manifest with fields that this release does not write, or does not know."""
    reseal(repo, of_tomorrow=True)
    copy(str(repo), bucket)
    copy(bucket, str(tmp_path / "back"))
    assert digests(tmp_path / "back" / "toy" / "1") == digests(repo / "toy" / "1")
    assert isinstance(repository.manifest(tmp_path / "back", "toy", 1), Manifest)


def test_a_location_is_not_copied_into_itself(repo: Path, bucket: str) -> None:
    for source, target in ((str(repo), str(repo)), (str(repo), f"{repo}/toy"), (bucket, "s3://models")):
        with pytest.raises(RepositoryError, match="one is inside the other"):
            copy(source, target)


def test_versions_go_from_a_copy_and_the_rest_with_the_last_one(repo: Path, target: str) -> None:
    copy(str(repo), target)
    remove_copies(target, "toy", [1])
    assert [name for name in Location.of(target).files("toy") if name.startswith("toy/1/")] == []
    assert apps_of(target) == ["toy"]
    remove_copies(target, "toy", [1, 2])
    assert Location.of(target).files("toy") == {}
    remove_copies(target, "toy", [2])


def test_settings_and_card_of_an_added_model_come_before_its_versions(target: str, tmp_path: Path) -> None:
    root = tmp_path / "added"
    write_version(root, 1)
    for name in ("README.md", "config.pbtxt"):
        (root / "sum" / name).write_text(name)
    copy(str(root), target)
    back = tmp_path / "back"
    copy(target, str(back))
    assert digests(back) == digests(root)
    # The version that cannot be copied does not keep them back.
    (write_version(root, 2) / "model.onnx").write_bytes(b"rot")
    (root / "sum" / "values.yaml").write_text("batching: {max_rows: 3}\n")
    with pytest.raises(ServableError):
        copy(str(root), target)
    assert Location.of(target).read("sum/values.yaml") == b"batching: {max_rows: 3}\n"
