from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.store import SECRET, Proxy, Store
from training.data import read, storage
from training.data.storage import Location, local_copies
from training.errors import DataError, StorageError


@pytest.fixture(params=["folder", "bucket"])
def location(request: pytest.FixtureRequest, tmp_path: Path, store: Store) -> Location:
    """An empty location of each kind: all keep the same promises."""
    if request.param == "folder":
        (tmp_path / "models").mkdir()
        return Location.of(str(tmp_path / "models"))
    return Location.of(f"{store.make('models')}/a prefix/")


def test_what_is_put_is_found_read_and_removed(location: Location, tmp_path: Path) -> None:
    assert location.files() == {} and location.read("none.txt") is None
    (tmp_path / "big").write_bytes(b"x" * 1000)
    location.send(tmp_path / "big", "price/1/deep/big")
    location.write("price/aliases.json", b"{}")
    location.write("price/aliases.json", b"{ }")
    assert location.files() == {"price/1/deep/big": 1000, "price/aliases.json": 3}
    assert location.files("price/1") == {"price/1/deep/big": 1000}
    assert location.files("pri") == {}
    assert location.read("price/aliases.json") == b"{ }"
    location.fetch("price/1/deep/big", tmp_path / "new" / "copy")
    assert (tmp_path / "new" / "copy").read_bytes() == b"x" * 1000
    location.remove(["price/1/deep/big"])
    assert location.files() == {"price/aliases.json": 3}


def test_a_folder_is_known_as_one(location: Location, tmp_path: Path) -> None:
    assert location.folder in (None, tmp_path / "models")
    assert not location.is_file()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("gs://models/a", "expected a local folder or s3://bucket/prefix"),
        ("https://me:hunter2@host/models", "expected a local folder or s3://"),
        ("s3://key:hunter2@models/a", "credentials do not belong in a URL"),
        ("s3://", "expected s3://bucket/prefix"),
        ("s3:///a", "expected s3://bucket/prefix"),
        ("s3://models/a/../b", "expected s3://bucket/prefix"),
        ("s3://models//a", "expected s3://bucket/prefix"),
    ],
)
def test_a_name_that_cannot_be_one_is_refused(url: str, words: str) -> None:
    with pytest.raises(StorageError) as error:
        Location.of(url)
    assert words in str(error.value) and "hunter2" not in str(error.value)


def test_a_bucket_that_is_not_there_is_named(store: Store) -> None:
    with pytest.raises(StorageError, match=r"s3://nowhere/a: there is no such bucket.*AWS_ENDPOINT_URL"):
        Location.of("s3://nowhere/a").files()


def test_a_store_that_is_away_is_given_up_soon(
    store: Store, monkeypatch: pytest.MonkeyPatch, unused_port: int
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{unused_port}")
    with pytest.raises(StorageError, match="cannot be reached; check AWS_ENDPOINT_URL") as error:
        Location.of("s3://models").files()
    assert SECRET not in str(error.value)


def test_a_store_that_refuses_is_quoted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.make("models")
    with Proxy(store, lambda method, path: (403, "AccessDenied")) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        with pytest.raises(StorageError, match="not permitted; the credentials need to") as error:
            Location.of("s3://models").files()
        with pytest.raises(StorageError, match="not permitted"):
            Location.of("s3://models/a.csv").is_file()
    assert SECRET not in str(error.value)


def test_without_credentials_it_says_what_to_set(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(StorageError, match="no credentials; set AWS_ACCESS_KEY_ID"):
        Location.of(store.make("models")).files()


def test_a_request_is_repeated_a_few_times(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.make("models")
    left = threading.Semaphore(2)

    def judge(method: str, path: str) -> tuple[int, str] | None:
        return (503, "SlowDown") if left.acquire(blocking=False) else None

    with Proxy(store, judge) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        location = Location.of("s3://models")
        assert location.files() == {}
        assert len(proxy.seen) == 3
        monkeypatch.setattr(storage, "ATTEMPTS", 2)
        proxy.judge = lambda method, path: (503, "SlowDown")
        with pytest.raises(StorageError):
            Location.of("s3://models").files()
        assert len(proxy.seen) == 3 + 2 * storage.ROUNDS


def test_tables_of_a_bucket_are_read_like_files(store: Store, tmp_path: Path) -> None:
    frame = pd.DataFrame({"day": ["2020-01-01", "2020-01-02"], "price": [10, 11]})
    frame.to_parquet(tmp_path / "b.parquet")
    np.savez(tmp_path / "c.npz", day=frame["day"].to_numpy(str), price=frame["price"].to_numpy())
    store.make("data")
    store.put("data/one/a.csv", frame.to_csv(index=False).encode())
    store.put("data/two/b.parquet", (tmp_path / "b.parquet").read_bytes())
    store.put("data/c.npz", (tmp_path / "c.npz").read_bytes())
    urls = ["s3://data/one/a.csv", "s3://data/two/b.parquet", "s3://data/c.npz"]
    with local_copies(urls) as paths:
        dataset = read.from_files(paths)
        assert all(path.is_file() for path in paths)
    assert not any(path.exists() for path in paths)
    assert list(dataset.frame["price"]) == [10, 11] * 3
    assert dataset.source == "a.csv, b.parquet, c.npz"
    assert read.file_and_row(dataset, 2) == "b.parquet, row 2"


def test_a_url_that_ends_with_a_slash_is_a_folder(store: Store) -> None:
    store.make("data")
    store.put("data/tables/people.csv", b"id\n1\n")
    store.put("data/tables/dates.csv", b"id\n1\n")
    store.put("data/tables/old/people.csv", b"id\n2\n")
    with local_copies(["s3://data/tables/"]) as (folder,):
        assert sorted(path.name for path in folder.iterdir()) == ["dates.csv", "people.csv"]


@pytest.mark.parametrize("url", ["s3://data/none.csv", "s3://data/none/", "s3://data", "s3://data/tables"])
def test_data_that_is_not_there_is_named(store: Store, url: str) -> None:
    store.make("data")
    store.put("data/tables/people.csv", b"id\n1\n")
    with pytest.raises(DataError, match=f"{url}: there is no (such )?file"), local_copies([url]):
        pass


def test_local_paths_stay_as_they_are(tmp_path: Path) -> None:
    with local_copies([tmp_path / "a.csv", str(tmp_path / "b.csv")]) as paths:
        assert paths == [tmp_path / "a.csv", tmp_path / "b.csv"]
