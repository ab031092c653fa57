"""`--format image`: a build context that puts one version into the gateway's image."""

from __future__ import annotations

import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from string import Template

from control.errors import PackageError
from control.new.write import repository_root
from control.package.chosen import Chosen, Packaged, fresh
from control.package.models import copy_version

__all__ = ["GATEWAY", "write"]

GATEWAY = "images/Dockerfile"
"""The Dockerfile of the images, below the root of the repository."""
BUILD = "scripts/build-image"
"""The script that builds it, with buildah if that is installed, else with docker."""
DOCKERFILE = Template(
    """# $app, version $version, in the gateway's image: it needs no volume and $needs to answer.
ARG GATEWAY=$gateway
FROM $${GATEWAY}
COPY --chown=10001:10001 model-repository /opt/slipway/model-repository
ENV SLIPWAY_APPS=$package \\
    SLIPWAY_MODEL_REPOSITORY=/opt/slipway/model-repository
LABEL org.opencontainers.image.title="slipway $app" \\
      org.opencontainers.image.version="$version" \\
      org.opencontainers.image.created="$created" \\
      slipway.run-id="$run"
USER 10001:10001
"""
)


def write(chosen: Chosen, out: Path, root: Path | None = None) -> Packaged:
    """Write the folder `OUT/<app>-<version>-image`. The commands build the gateway's image and then this one.

    `root` is the clone with the gateway's Dockerfile. Raises `PackageError` if it has none.
    """
    root = repository_root() if root is None else root
    if not (root / GATEWAY).is_file():
        raise PackageError(
            f"{root} has no {GATEWAY}, and this image is built from the gateway's. "
            "`--format bento` and `--format triton` work without"
        )
    target = fresh(out / f"{chosen.label}-image")
    gateway = f"slipway/gateway:{version('slipway')}"
    with tempfile.TemporaryDirectory(prefix=".package-", dir=target.parent) as place:
        folder = Path(place) / target.name
        copy_version(chosen, folder / "model-repository", champion=True)
        (folder / "Dockerfile").write_text(_dockerfile(chosen, gateway))
        # Other files in the folder stay out of the image.
        (folder / ".dockerignore").write_text("*\n!model-repository\n")
        folder.rename(target)
    tool = "buildah" if shutil.which("buildah") else "docker"
    commands = (
        f"{root / BUILD} gateway",
        f"{tool} build -t slipway/{chosen.app.name}:{chosen.version} {target}",
        *chosen.first,
    )
    return Packaged(target, sum(path.stat().st_size for path in target.rglob("*") if path.is_file()), commands)


def _dockerfile(chosen: Chosen, gateway: str) -> str:
    return DOCKERFILE.substitute(
        app=chosen.app.name,
        needs="SLIPWAY_TRITON_URL" if chosen.first else "no network",
        version=chosen.version,
        gateway=gateway,
        package=chosen.package,
        created=chosen.manifest.created,
        run=chosen.manifest.run_id,
    )
