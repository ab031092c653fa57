from __future__ import annotations

import asyncio

import pytest

from serving.models.backends.triton_server import presence
from serving.models.backends.triton_server.presence import Presence


def test_it_follows_what_is_said_and_takes_an_error_for_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "LOOK_SECONDS", 0.01)
    answers: list[bool | Exception] = [True, False, True, OSError("away"), True]
    seen: list[bool] = []

    async def main() -> None:
        async def ready(seconds: float) -> bool:
            seen.append(presence.is_there)
            if not answers:
                done.set()
                return True
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        done = asyncio.Event()
        presence = Presence(ready)
        assert presence.is_there, "nothing speaks against it yet"
        presence.start()
        presence.start()
        await done.wait()
        await presence.stop()
        await presence.stop()

    asyncio.run(main())
    assert seen[:6] == [True, True, False, True, False, True]
