from __future__ import annotations

import pytest

from control.errors import ManifestError
from control.manifests import extra


def test_everything_is_there() -> None:
    extra.require()


def test_what_is_missing_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(extra.LIBRARIES, "no_such_module", "no-such-package")
    with pytest.raises(ManifestError, match=r"needs no-such-package: pip install .*\[manifests\]"):
        extra.require()
