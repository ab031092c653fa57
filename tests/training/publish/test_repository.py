from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from serving.kernel.storage.version_manifest import Aliases, Check
from tests.training.conftest import make_servable
from training.publish import repository
from training.publish.repository import RepositoryError
from training.publish.servable import verify


def test_a_version_is_published_whole_and_numbered(tmp_path: Path, toy_servable: Path) -> None:
    target = repository.publish(toy_servable, tmp_path / "repo", "toy", 3)
    assert target == tmp_path / "repo" / "toy" / "3"
    manifest = verify(target)
    assert manifest.version == 3
    assert {"model.onnx", "booster.ubj", "golden.jsonl", "report/gate.json"} == set(manifest.files)
    assert repository.versions(tmp_path / "repo", "toy") == [3]


def test_files_the_manifest_does_not_list_are_not_published(tmp_path: Path, toy_servable: Path) -> None:
    (toy_servable / "MLmodel").write_text("registry's own")
    target = repository.publish(toy_servable, tmp_path / "repo", "toy", 1)
    assert not (target / "MLmodel").exists()


def test_the_same_again_is_nothing_and_another_is_an_error(
    tmp_path: Path, toy_servable: Path, toy_model: Path
) -> None:
    repo = tmp_path / "repo"
    target = repository.publish(toy_servable, repo, "toy", 1)
    inode = target.stat().st_ino
    assert repository.publish(toy_servable, repo, "toy", 1).stat().st_ino == inode
    other = make_servable(tmp_path / "other", toy_model, note="other")
    with pytest.raises(RepositoryError, match="version 1 is already published with other content"):
        repository.publish(other, repo, "toy", 1)
    (target / "model.onnx").write_bytes(b"rot")
    with pytest.raises(RepositoryError, match=r"model.onnx: sha256 is .* repository sync"):
        repository.publish(toy_servable, repo, "toy", 1)
    repository.publish(toy_servable, repo, "toy", 1, replace=True)
    verify(target)


def test_wrong_numbers_and_apps_are_refused(tmp_path: Path, toy_servable: Path) -> None:
    with pytest.raises(RepositoryError, match="`version` must be 1 or more"):
        repository.publish(toy_servable, tmp_path, "toy", 0)
    with pytest.raises(RepositoryError, match="belongs to 'toy', not to 'price'"):
        repository.publish(toy_servable, tmp_path, "price", 1)


def test_leftovers_of_a_dead_publication_are_swept(tmp_path: Path, toy_servable: Path) -> None:
    dead = tmp_path / "toy" / ".tmp-7-dead"
    dead.mkdir(parents=True)
    (dead / "model.onnx").write_bytes(b"half")
    repository.publish(toy_servable, tmp_path, "toy", 1)
    assert not dead.exists()


def test_promotion_is_recorded_then_made(tmp_path: Path, toy_servable: Path) -> None:
    for version in (1, 2):
        repository.publish(toy_servable, tmp_path, "toy", version)
    assert repository.aliases(tmp_path, "toy") == Aliases()
    repository.promote(tmp_path, "toy", 1, "the first", "ada")
    repository.set_aliases(tmp_path, "toy", Aliases(champion=1, challenger=2))
    evidence = Check(name="mae", passed=True, measured="1", required="2")
    after = repository.promote(tmp_path, "toy", 2, "better", "ada", [evidence])
    assert after == repository.aliases(tmp_path, "toy") == Aliases(champion=2)
    first, second = repository.promotions(tmp_path, "toy")
    assert (first["from"], first["to"], first["who"]) == (None, 1, "ada")
    assert (second["from"], second["to"], second["evidence"][0]["name"]) == (1, 2, "mae")


def test_a_version_that_is_not_there_cannot_be_promoted(tmp_path: Path, toy_servable: Path) -> None:
    with pytest.raises(RepositoryError, match="toy version 9 is not in the model repository"):
        repository.promote(tmp_path, "toy", 9, "why not")
    with pytest.raises(RepositoryError, match="toy version 9"):
        repository.set_aliases(tmp_path, "toy", Aliases(challenger=9))
    assert repository.promotions(tmp_path, "toy") == []


def test_a_torn_record_is_closed_and_left_out(tmp_path: Path, toy_servable: Path) -> None:
    repository.publish(toy_servable, tmp_path, "toy", 1)
    (tmp_path / "toy" / "promotions.jsonl").write_text('{"to": 5}\n{"to": ')
    repository.promote(tmp_path, "toy", 1, "again")
    assert [record["to"] for record in repository.promotions(tmp_path, "toy")] == [5, 1]


PUBLISHER = """
import sys
from pathlib import Path
from training.publish import repository
from serving.kernel.storage.version_manifest import Aliases
servable, repo, start = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
print("ready", flush=True)
for version in range(start, start + 100000):
    repository.publish(servable, repo, "toy", version)
    repository.promote(repo, "toy", version, "crash test")
"""


def test_a_crash_at_any_moment_leaves_old_or_new(tmp_path: Path, toy_servable: Path, root: Path) -> None:
    """Kill -9 a process that publishes and promotes without pause; what is there must always be whole."""
    repo, choose, end = tmp_path / "repo", random.Random(7), time.monotonic() + 18
    kills, leftovers, last = 0, 0, 0
    while kills < 30 and time.monotonic() < end:
        line = [sys.executable, "-c", PUBLISHER, str(toy_servable), str(repo), str(max(1, last))]
        writer = subprocess.Popen(line, cwd=root, stdout=subprocess.PIPE)
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(choose.uniform(0.0, 0.15))
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        kills += 1
        leftovers += len(list((repo / "toy").glob(".tmp-*")))
        last = check_whole(repo, last)
    assert kills >= 5
    assert last > 0
    assert leftovers, "no kill fell into a publication"
    repository.publish(toy_servable, repo, "toy", last)
    assert not list((repo / "toy").glob(".tmp-*"))


def check_whole(repo: Path, before: int) -> int:
    """Every version verifies, aliases and records can be read; returns the newest version."""
    found = repository.versions(repo, "toy")
    assert found == list(range(1, len(found) + 1))
    assert len(found) >= before
    for version in found[max(0, before - 1) :]:
        assert verify(repo / "toy" / str(version)).version == version
    champion = repository.aliases(repo, "toy").champion
    assert champion is None or champion in (len(found), len(found) - 1)
    lines = (repo / "toy" / "promotions.jsonl").read_text().splitlines() if champion else []
    assert all(msgspec.json.decode(text)["app"] == "toy" for text in lines[:-1])
    assert champion is None or json.loads(lines[-1])["to"] in (champion, champion + 1)
    return len(found)


def test_writers_take_turns(tmp_path: Path, toy_servable: Path, root: Path) -> None:
    code = PUBLISHER.replace("start + 100000", "start + 20")
    lines = [[sys.executable, "-c", code, str(toy_servable), str(tmp_path / "repo"), "1"] for _ in range(2)]
    writers = [subprocess.Popen(line, cwd=root, stdout=subprocess.DEVNULL) for line in lines]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    assert repository.versions(tmp_path / "repo", "toy") == list(range(1, 21))
    assert len(repository.promotions(tmp_path / "repo", "toy")) == 40


def test_a_published_version_keeps_its_bytes_wherever_it_goes(tmp_path: Path, toy_servable: Path) -> None:
    first = repository.publish(toy_servable, tmp_path / "a", "toy", 3)
    # As another release may have written it.
    sealed = (first / "manifest.json").read_bytes().replace(b'"format": 1,', b'"format": 1, "of_tomorrow": true,')
    (first / "manifest.json").write_bytes(sealed)
    second = repository.publish(first, tmp_path / "b", "toy", 3)
    assert b"of_tomorrow" in sealed and (second / "manifest.json").read_bytes() == sealed


def test_a_version_is_taken_away_and_files_beside_it_replaced(tmp_path: Path, toy_servable: Path) -> None:
    repository.publish(toy_servable, tmp_path, "toy", 1)
    repository.write_app_files(tmp_path, "toy", {"config.pbtxt": b"a", "aliases.json": b"{}"})
    repository.remove(tmp_path, "toy", 1)
    assert repository.versions(tmp_path, "toy") == []
    assert sorted(path.name for path in (tmp_path / "toy").iterdir()) == [".lock", "aliases.json", "config.pbtxt"]


def test_an_app_is_taken_away_with_all_its_versions(tmp_path: Path, toy_servable: Path) -> None:
    repository.publish(toy_servable, tmp_path / "repo", "toy", 1)
    dead = tmp_path / "repo" / ".tmp-old-other-1"
    dead.mkdir()
    repository.remove_app(tmp_path / "repo", "toy")
    assert list((tmp_path / "repo").iterdir()) == []
