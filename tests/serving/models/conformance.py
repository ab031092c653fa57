"""What every `Backend` and every `BatchKind` has to do, whatever is behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from serving.kernel.backend import Backend, BatchKind
from serving.kernel.errors import DeadlineExceeded, NotReady, SlipwayError
from tests.serving.models.models import call

Same = Callable[[Any, Any], bool]


async def check_backend(backend: Backend, kind: BatchKind, payload: Any, bad: Sequence[Any] = ()) -> Any:
    """The result or the error of `payload`; fails where the backend breaks a promise. Closes it."""

    async def outcome(asked: Any, seconds: float = 60.0) -> Any:
        answer = backend.submit(kind, asked, call(seconds))  # never raises
        assert isinstance(answer, asyncio.Future)
        (found,) = await asyncio.gather(answer, return_exceptions=True)
        return found

    found = await outcome(payload)
    assert isinstance(found, SlipwayError) or not isinstance(found, BaseException)
    for wrong in bad:
        assert isinstance(await outcome(wrong), SlipwayError)
    assert isinstance(await outcome(payload, -1.0), DeadlineExceeded)
    gone = backend.submit(kind, payload, call())
    gone.cancel()
    waiting = backend.submit(kind, payload, call())
    await asyncio.gather(backend.close(), backend.close())
    assert waiting.done() and gone.cancelled()
    assert isinstance(await outcome(payload), NotReady)
    return found


def check_batch_kind(kind: BatchKind, payloads: Sequence[Any], run: Callable[[Any], Any], same: Same) -> None:
    """`payloads` may share a batch; `run` gives a batch's outputs; `same` compares two results."""
    assert len({kind.batch_key(payload) for payload in payloads}) == 1
    alone = []
    for payload in payloads:
        (result,) = kind.split([payload], run(kind.join([payload])))
        alone.append(result)
        parts = kind.cut(payload, 2)
        assert all(1 <= kind.rows(part) <= 2 for part in parts)
        assert sum(map(kind.rows, parts)) == kind.rows(payload)
        merged = kind.merge([kind.split([part], run(kind.join([part])))[0] for part in parts])
        assert same(merged, result)
    together = kind.split(payloads, run(kind.join(payloads)))
    assert len(together) == len(payloads)
    assert all(same(*pair) for pair in zip(together, alone, strict=True))
    assert kind.blame(ValueError("unknown"), payloads) is None
