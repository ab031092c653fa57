from __future__ import annotations

import json
from pathlib import Path

import pytest

from control.errors import NewAppError
from control.new.taken import refuse_added
from tests.serving.added import NAME, write_version


def test_the_name_of_an_added_model_is_refused(tmp_path: Path) -> None:
    refuse_added(NAME, tmp_path)
    version = write_version(tmp_path, 1)
    with pytest.raises(
        NewAppError, match=rf"'{NAME}' is a model that `slipway add` published in .*slipway remove"
    ):
        refuse_added(NAME, tmp_path)
    refuse_added("other", tmp_path)
    text = (version / "manifest.json").read_text()
    (version / "manifest.json").write_text(json.dumps({**json.loads(text), "added": False}))
    refuse_added(NAME, tmp_path)
    (version / "manifest.json").write_text(text[:40])
    with pytest.raises(NewAppError, match=f"{NAME} version 1 in .* is damaged .*choose another name"):
        refuse_added(NAME, tmp_path)
