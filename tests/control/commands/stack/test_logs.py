from __future__ import annotations

import pytest

from tests.control.conftest import Slipway


def test_the_last_lines(slipway: Slipway) -> None:
    logs = slipway.home / "logs"
    logs.mkdir(parents=True)
    (logs / "ray.log").write_text("".join(f"{number}\n" for number in range(100)))
    assert slipway.run("logs", "ray", "-n", "2").stdout == "98\n99\n"
    assert len(slipway.run("logs", "ray").stdout.splitlines()) == 50


@pytest.mark.parametrize(
    ("part", "said"), [("mlflow", "mlflow has written no log yet"), ("nginx", "there is no part 'nginx'")]
)
def test_no_such_log(slipway: Slipway, part: str, said: str) -> None:
    done = slipway.run("logs", part)
    assert done.returncode == 1
    assert said in done.stderr
