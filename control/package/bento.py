"""`--format bento`: a BentoML bento that answers the app's questions with the data plane's own code.

BentoML builds the bento in a separate process, from a folder with all files that it needs, so that the bento does
not depend on this clone. The service is `bento_service.py`, which is copied unchanged.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from string import Template

import msgspec

from control.errors import PackageError
from control.package.chosen import Chosen, Packaged, fresh
from control.package.models import copy_version
from control.package.pins import pinned
from control.package.sources import copy_sources

__all__ = ["write", "write_context"]

BUILD_SECONDS = 300.0
TAIL = 20
NOT_NEEDED = ("ray",)
"""Packages that a bento does not need: the model runs in the process of the service."""
README = Template(
    """# $app, version $version

$summary

Built by `slipway package $app --format bento` from run $run. `POST /predict` takes `{"instances": [...]}` and
answers `{"predictions": [...]}`. `/v1` and `/v2` are the gateway's own doors: KServe v1 and the
Open Inference Protocol. Errors are problem documents (RFC 9457) that name the field and the allowed values.
"""
)


def write(chosen: Chosen, out: Path) -> Packaged:
    """Build the bento in the folder `OUT/<app>-<version>-bento`.

    Raises `PackageError` if BentoML is not installed or cannot build the bento.
    """
    _check_installed()
    target = fresh(out / f"{chosen.label}-bento")
    partial = target.with_name(f".{target.name}.part")
    # BentoML ignores files below a hidden folder, so the build folder is not beside the target.
    with tempfile.TemporaryDirectory(prefix="slipway-package-") as scratch:
        context, home = Path(scratch) / "context", Path(scratch) / "home"
        write_context(chosen, context)
        home.mkdir()
        try:
            shutil.copytree(_build(chosen, context, home), partial)
            partial.rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    # BentoML reads a path that does not begin with / as the name of a module.
    whole = target.resolve()
    commands = (
        *chosen.first,
        f"bentoml serve {whole} --host 127.0.0.1 --port 3000",
        f"bentoml import {whole} && bentoml containerize {chosen.app.name}:{chosen.version}",
    )
    return Packaged(target, size, commands)


def write_context(chosen: Chosen, context: Path) -> None:
    """Write the folder that BentoML builds from: service, sources, version, pins and the build file."""
    context.mkdir(parents=True)
    copy_sources(chosen, context)
    copy_version(chosen, context / "model-repository", champion=True)
    shutil.copyfile(Path(__file__).parent / "bento_service.py", context / "service.py")
    facts = {"app": chosen.package, "name": chosen.app.name, "version": chosen.version}
    (context / "slipway.json").write_text(json.dumps(facts, indent=2) + "\n")
    (context / "requirements.txt").write_text("\n".join(_requirements(chosen)) + "\n")
    values = {"app": chosen.app.name, "version": chosen.version, "run": chosen.manifest.run_id}
    text = README.substitute(values, summary=chosen.app.summary)
    (context / "README.md").write_text(
        text + "".join(f"\nOnly Triton can run the model: `{line}`\n" for line in chosen.first)
    )
    (context / "bentofile.yaml").write_bytes(msgspec.yaml.encode(_build_file(chosen)))


def _build_file(chosen: Chosen) -> dict[str, object]:
    return {
        "service": "service:Service",
        "name": chosen.app.name,
        "description": "file:README.md",
        "labels": {"app": chosen.app.name, "run_id": chosen.manifest.run_id},
        # They are pinned already; BentoML would resolve them again over the network.
        "python": {"requirements_txt": "requirements.txt", "lock_packages": False},
        "docker": {"python_version": f"{sys.version_info.major}.{sys.version_info.minor}"},
    }


def _requirements(chosen: Chosen) -> list[str]:
    engine = "cpu" if _has("onnxruntime") else "gpu"
    database = chosen.app.source is not None or chosen.app.collection is not None
    extras = [engine, "database"] if database and _has("sqlalchemy") else [engine]
    found = pinned([f"slipway[{','.join(extras)}]", "bentoml"], NOT_NEEDED)
    # The sources of slipway itself are in the bento.
    return [line for line in found if not line.startswith("slipway==")]


def _has(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _check_installed() -> None:
    if importlib.util.find_spec("bentoml") is None:
        raise PackageError("BentoML is not installed; `--format bento` needs it: pip install 'slipway[bento]'")
    if not _has("uv"):
        # Without this check, BentoML would install uv during the build.
        raise PackageError("uv is not installed; BentoML builds with it: pip install 'slipway[bento]'")


def _build(chosen: Chosen, context: Path, home: Path) -> Path:
    """Run BentoML's build and return the folder of the bento."""
    command = [sys.executable, "-m", "bentoml", "build", "--version", str(chosen.version), "--output", "tag", "."]
    environ = {
        **os.environ,
        "BENTOML_HOME": str(home),
        "BENTOML_DO_NOT_TRACK": "True",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        done = subprocess.run(  # noqa: S603 - this Python's own BentoML
            command, cwd=context, env=environ, capture_output=True, text=True, timeout=BUILD_SECONDS
        )
    except subprocess.TimeoutExpired as cause:
        raise PackageError(f"BentoML did not build the bento within {BUILD_SECONDS:.0f} s") from cause
    built = home / "bentos" / chosen.app.name / str(chosen.version)
    if done.returncode or not built.is_dir():
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-TAIL:])
        raise PackageError(f"BentoML could not build the bento (exit status {done.returncode}):\n{tail}")
    return built
