"""The options of `slipway manifests lint`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from control.errors import ManifestError
from control.lint.rules import manifest_rules

__all__ = ["LintOptions"]


@dataclass(frozen=True, kw_only=True)
class LintOptions:
    """An empty `kubernetes` means 1.30 and the newest version. `schemas` is the folder of CRDs, or None."""

    kubernetes: tuple[str, ...] = ()
    schemas: Path | None = None
    external: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    @staticmethod
    def from_environment(
        kubernetes: Iterable[str], require_schemas: bool, external: Iterable[str], ignore: Iterable[str]
    ) -> LintOptions:
        """Return the options, with the folder of SLIPWAY_SCHEMAS. Raises `ManifestError`."""
        given = os.environ.get("SLIPWAY_SCHEMAS", "")
        if require_schemas and not given:
            raise ManifestError(
                "--require-schemas: SLIPWAY_SCHEMAS is not set; set it to a folder that holds CRDs as JSON"
            )
        wrong = [id for id in ignore if id not in manifest_rules()]
        if wrong:
            raise ManifestError(f"--ignore {wrong[0]}: there is no such rule; docs/manifests.md lists them")
        for name in external:
            if "/" not in name:
                raise ManifestError(f"--external {name}: expected KIND/NAME, such as secret/database")
        return LintOptions(
            kubernetes=tuple(kubernetes),
            schemas=Path(given) if given else None,
            external=tuple(external),
            ignore=tuple(ignore),
        )
