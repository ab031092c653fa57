"""What a search through a collection takes: `python -m benchmarks.parts.collections_search URL APP [RECORDS ...]`.

URL is an empty PostgreSQL database with pgvector. The app's newest version in `model-repository` encodes;
records are copies of its example with numbers in place of their ids: vectors are alike, only the work is measured.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import msgspec
import numpy as np

from serving.kernel.call import Call
from serving.kernel.find_app import find_app
from serving.kernel.settings import Settings, read
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_manifest import ENCODER_NAME
from serving.models.backends.encoder import OnnxEncoder
from serving.records.collection import CollectionStore

__all__ = ["main"]

BULK = 1000
SEARCHES = 60


def main(url: str, name: str, counts: list[int]) -> None:
    """Print a line per number of records: best, median and 99th percentile in milliseconds."""
    app, repository = find_app(name), Repository(read(Settings).model_repository)
    version = max(repository.versions(name))
    digest = repository.verify(name, version).files[ENCODER_NAME].sha256
    encoder = OnnxEncoder(app, repository.folder(name, version) / ENCODER_NAME, digest)
    asyncio.run(_measure(CollectionStore(url), encoder, counts))


async def _measure(store: CollectionStore, encoder: OnnxEncoder, counts: list[int]) -> None:
    store.follow([encoder])
    await store.caught_up()
    there = 0
    for count in sorted(counts):
        for start in range(there, count, BULK):
            numbers = range(start, min(start + BULK, count))
            records = [msgspec.structs.replace(encoder.collection.example, id=f"r{number}") for number in numbers]
            await store.put(encoder.app, records, [encoder], _call())
        there = max(there, count)
        best, median, late = np.quantile([await _search(store, encoder) for _ in range(SEARCHES)], [0, 0.5, 0.99])
        print(f"{there} records: best {best:.1f} ms, median {median:.1f} ms, 99th percentile {late:.1f} ms")
    store.close()


async def _search(store: CollectionStore, encoder: OnnxEncoder) -> float:
    short: Any = msgspec.structs.replace(encoder.app.example, **dict.fromkeys(_own(encoder)))
    started = time.perf_counter()
    await store.complete(encoder, [short], _call())
    return (time.perf_counter() - started) * 1e3


def _own(encoder: OnnxEncoder) -> list[str]:
    """The fields of a question that hold its own records."""
    whole = encoder.collection.complete(encoder.app.example, [])
    return [name for name in whole.__struct_fields__ if getattr(whole, name) == ()]


def _call() -> Call:
    return Call("benchmark", time.monotonic() + 600)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], [int(count) for count in sys.argv[3:]] or [10_000, 100_000])
