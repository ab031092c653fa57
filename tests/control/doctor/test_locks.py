from __future__ import annotations

import time
from pathlib import Path

import pytest

from control.doctor import locks
from control.doctor.finding import Finding
from serving.edge.identity.key_file import editing, new_key
from serving.kernel.settings import Settings
from tests.serving.signing import pair


def states(found: list[Finding]) -> list[str]:
    return [one.state for one in found]


@pytest.mark.parametrize(
    ("settings", "state"),
    [
        (Settings(), "ok"),
        (Settings(host="0.0.0.0"), "error"),  # noqa: S104
        (Settings(host="0.0.0.0", open=True), "warning"),  # noqa: S104
        (Settings(host="0.0.0.0", identity_header="x-user"), "ok"),  # noqa: S104
    ],
)
def test_callers(settings: Settings, state: str) -> None:
    (found,) = locks.callers(settings)
    assert found.state == state and bool(found.advice) == (state != "ok")
    assert states(list(locks.tls(settings))) == ([] if settings.host == "127.0.0.1" else ["warning"])


def test_keys(tmp_path: Path) -> None:
    assert list(locks.keys(Settings())) == []
    settings = Settings(key_folder=str(tmp_path / "keys"))
    (missing,) = locks.keys(settings)
    assert missing.state == "error" and "slipway keys create NAME" in missing.advice
    with editing(tmp_path / "keys") as (pepper, _):
        pass
    assert "no key is valid" in next(locks.keys(settings)).text
    with editing(tmp_path / "keys") as (pepper, found):
        for subject, scopes, until in (
            ("shop", ("predict",), time.time() + 3 * 86_400),
            ("root", ("admin",), 0.0),
            ("good", ("predict",), time.time() + 90 * 86_400),
            ("gone", ("predict",), time.time() - 1),
        ):
            found.keys.append(new_key(pepper, subject, scopes, expires=until)[1])
    soon, forever, fine = locks.keys(settings)
    assert "of shop expires in 2 days" in soon.text and soon.advice.startswith("slipway keys rotate ")
    assert "of root may do everything for ever" in forever.text
    assert fine == Finding("API keys", "ok", "3 keys are valid")
    (tmp_path / "keys" / "pepper").chmod(0o644)
    *_, last = locks.keys(settings)
    assert last.state == "error" and last.advice == f"chmod 600 {tmp_path / 'keys' / 'pepper'}"


def test_signatures(tmp_path: Path) -> None:
    (unsigned,) = locks.signatures(Settings())
    assert unsigned.state == "warning" and "slipway signing create NAME" in unsigned.advice
    key = pair(tmp_path / "trusted")
    trusted = Settings(trusted_keys=str(tmp_path / "trusted"))
    assert states(list(locks.signatures(trusted))) == ["ok"]
    key.trust(expires=time.time() + 5 * 86_400)
    soon, _ = locks.signatures(trusted)
    assert "the key release expires in 4 days" in soon.text and soon.state == "warning"
    warned = Settings(trusted_keys=str(tmp_path / "trusted"), signatures="warn")
    assert states(list(locks.signatures(warned))) == ["warning", "warning"]
    private = key.private(tmp_path / "key.pem")
    private.chmod(0o644)
    (open_key,) = locks.signatures(Settings(signing_key=str(private)))
    assert open_key.state == "error" and "chmod 600" in open_key.text
    (nothing,) = locks.signatures(Settings(signatures="enforce"))
    assert nothing.state == "error" and "needs SLIPWAY_TRUSTED_KEYS" in nothing.text


def test_modes(tmp_path: Path) -> None:
    assert list(locks.modes(Settings(home=tmp_path / "none"))) == []
    (tmp_path / "home").mkdir(mode=0o700)
    assert states(list(locks.modes(Settings(home=tmp_path / "home")))) == ["ok"]
    (tmp_path / "home").chmod(0o755)
    (found,) = locks.modes(Settings(home=tmp_path / "home"))
    assert found.state == "error" and found.advice == f"chmod 700 {tmp_path / 'home'}"
