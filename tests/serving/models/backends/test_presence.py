from __future__ import annotations

import asyncio

import pytest

from serving.models.backends import presence
from serving.models.backends.presence import Presence


def seen_before_each(answers: list[bool | Exception]) -> list[bool]:
    """What a presence says before each of these answers, and after the last."""
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

    count = len(answers)
    asyncio.run(main())
    return seen[: count + 1]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "LOOK_SECONDS", 0.01)


def test_it_follows_what_is_said_and_takes_an_error_for_a_no() -> None:
    answers: list[bool | Exception] = [True, False, True, OSError("away"), True]
    assert seen_before_each(answers) == [True, True, False, True, False, True]


def test_a_slow_answer_is_not_a_death_but_lasting_silence_is() -> None:
    late = TimeoutError("late")
    assert seen_before_each([late, late, True, late, late, True]) == [True] * 7
    assert seen_before_each([late, late, late, late, True]) == [True, True, True, False, False, True]
    assert seen_before_each([False, late, True]) == [True, False, False, True]
