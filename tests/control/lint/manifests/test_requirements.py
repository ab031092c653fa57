from __future__ import annotations

import pytest

from control.errors import ManifestError
from control.lint.manifests import requirements


def test_everything_is_there() -> None:
    requirements.require()


def test_what_is_missing_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(requirements.LIBRARIES, "no_such_module", "no-such-package")
    with pytest.raises(ManifestError, match=r"needs no-such-package: pip install .*\[manifests\]"):
        requirements.require()
