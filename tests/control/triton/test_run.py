from __future__ import annotations

import pytest

from control.triton.follow import Served
from control.triton.run import keep_current


class Scripted:
    """A follower that has seen this."""

    def look(self) -> tuple[Served, ...]:
        return (Served("price", (3, 4), 4, "version 5 is not published"), Served("fraud"))


def test_one_look_prints_what_is_served(capsys: pytest.CaptureFixture[str]) -> None:
    served = keep_current(Scripted(), every=0)
    assert [one.model for one in served] == ["price", "fraud"]
    said = capsys.readouterr().err.splitlines()
    assert said == ["price: 3, 4 (champion); version 5 is not published", "fraud: no version"]
