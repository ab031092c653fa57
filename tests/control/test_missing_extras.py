from __future__ import annotations

import sys

import pytest

from control.missing_extras import advice


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("onnx", "train"),
        ("onnx.helper", "train"),
        ("sklearn", "train"),
        ("xgboost", "cpu"),
        ("kubernetes", "cluster"),
        ("s3fs", "s3"),
        ("skl2onnx.common", "convert"),
        ("onnxmltools", "convert"),
        ("lightgbm", "train"),
    ],
)
def test_a_missing_package_is_named_with_the_extra_that_brings_it(module: str, extra: str) -> None:
    package = module.partition(".")[0]
    expected = f"this needs the package {package}, which is not installed: pip install 'slipway[{extra}]'"
    assert advice(module) == expected


def test_other_modules_are_no_matter_of_extras() -> None:
    assert [advice(module) for module in ("", "serving.nothing", "sys", "nobody_has_this")] == [""] * 4


def test_a_command_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from control import cli

    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.setattr(sys, "argv", ["slipway", "triton", "lint"])
    for name in [name for name in sys.modules if name.startswith("control.lint.triton")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "pip install 'slipway[train]'" in capsys.readouterr().err
