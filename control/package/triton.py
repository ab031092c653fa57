"""`--format triton`: an archive with a model repository of one version, for a Triton elsewhere."""

from __future__ import annotations

import tempfile
from pathlib import Path
from string import Template

from control.package.archive import SUMS, write_archive, write_sums
from control.package.chosen import Chosen, Packaged, made
from control.package.models import copy_version, lint_copy

__all__ = ["write"]

REPOSITORY = "model-repository"
README = Template(
    """# $app, version $version, for Triton

This package holds the model alone: tensors in, tensors out, by the Open Inference Protocol. It does not hold the
features and the decision of the app; `slipway package $app --format bento` writes a package with them.

| | |
|---|---|
| trained | $created, run $run |
| data | $source |
| inputs | $inputs |
| outputs | $outputs |

Check that every file is unchanged:

    sha256sum --check $sums

Serve the model from this folder with a Triton that has $backend:

    tritonserver --model-repository=$$PWD/$repository --disable-auto-complete-config

or in a container, where IMAGE is NVIDIA's Triton image:

    docker run --rm --read-only --tmpfs /tmp -p 127.0.0.1:8000-8002:8000-8002 \\
        -v $$PWD/$repository:/models:ro IMAGE \\
        tritonserver --model-repository=/models --disable-auto-complete-config

`$repository/$app/$version/manifest.json` has the origin of the version, its metrics and the digests of its files.
"""
)


def write(chosen: Chosen, out: Path) -> Packaged:
    """Write `OUT/<app>-<version>-triton.tar.gz`. The same version gives the same bytes.

    Raises `PackageError` if Triton would refuse the version.
    """
    target = made(out) / f"{chosen.label}-triton.tar.gz"
    with tempfile.TemporaryDirectory(prefix="slipway-package-") as scratch:
        folder = Path(scratch) / f"{chosen.label}-triton"
        copy_version(chosen, folder / REPOSITORY)
        lint_copy(folder / REPOSITORY)
        (folder / "README.md").write_text(_readme(chosen))
        write_sums(folder)
        write_archive(folder, target)
    commands = (
        f"tar -xzf {target} && cd {chosen.label}-triton && sha256sum --check --quiet {SUMS}",
        f"tritonserver --model-repository=$PWD/{REPOSITORY} --disable-auto-complete-config",
    )
    return Packaged(target, target.stat().st_size, commands)


def _readme(chosen: Chosen) -> str:
    manifest = chosen.manifest
    source = f"SYNTHETIC ({manifest.source})" if manifest.synthetic else manifest.source
    if manifest.added and not manifest.gate:
        source += "; not judged against known answers"
    return README.substitute(
        app=chosen.app.name,
        backend="the backends that the files `config.pbtxt` name" if chosen.first else "the ONNX Runtime backend",
        version=chosen.version,
        created=manifest.created,
        run=manifest.run_id,
        source=source or "not recorded",
        inputs=", ".join(f"`{one.name}` {one.datatype} {list(one.shape)}" for one in manifest.inputs),
        outputs=", ".join(f"`{one.name}` {one.datatype} {list(one.shape)}" for one in manifest.outputs),
        repository=REPOSITORY,
        sums=SUMS,
    )
