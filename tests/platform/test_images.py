"""The container images: linted, alike in what they promise, and the gateway's built and asked where buildah is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from apps.price.app import app as price
from serving.kernel.settings import Settings
from tests.trained import Trained

IMAGES = ("gateway", "training", "control")


def dockerfile(root: Path, name: str) -> str:
    return (root / "images" / name / "Dockerfile").read_text()


@pytest.mark.parametrize("name", IMAGES)
def test_hadolint_has_nothing_to_say(root: Path, name: str) -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    path = root / "images" / name / "Dockerfile"
    done = subprocess.run([hadolint, path], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_runs_unprivileged_from_a_pinned_base_without_build_tools(root: Path, name: str) -> None:
    text = dockerfile(root, name)
    build, final = re.split(r"^FROM ", text, flags=re.MULTILINE)[1:]
    for stage in (build, final):
        assert stage.startswith("python:3.11-slim-bookworm")
    assert "USER 10001:10001" in final
    assert not re.search(r"\b(pip|gcc|make|build-essential|git)\b", final)
    assert "pip uninstall --yes pip setuptools" in build
    (listed,) = re.findall(r'io\.slipway\.sbom="(.*)"', final)
    assert f"--output-file {listed} " in build
    for label in ("title", "description", "licenses", "version", "revision"):
        assert f"org.opencontainers.image.{label}=" in final
    assert f'title="slipway/{name}"' in final
    assert 'io.slipway.budget-mb="$BUDGET_MB"' in final


def test_the_gateways_ports_are_the_settings(root: Path) -> None:
    assert f"EXPOSE {Settings.http_port} {Settings.grpc_port}\n" in dockerfile(root, "gateway")


def test_only_what_images_need_is_sent_to_the_builder(root: Path) -> None:
    """A secret in a forgotten file must not become a layer: what is not listed stays out."""
    lines = [line for line in (root / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    assert all((root / line.removeprefix("!")).exists() for line in lines if line.startswith("!"))
    copied = set()
    for name in IMAGES:
        for line in re.findall(r"^COPY (?!--)(.*) \S+$", dockerfile(root, name), re.MULTILINE):
            copied |= set(line.split())
    assert {f"!{word}" for word in copied} <= set(lines)


def test_the_budgets_are_documented(root: Path) -> None:
    text = (root / "docs" / "images.md").read_text()
    for name in IMAGES:
        (budget,) = re.findall(r"^ARG BUDGET_MB=(\d+)$", dockerfile(root, name), re.MULTILINE)
        assert re.search(rf"^\| `slipway/{name}` .*\| {budget} MB \|$", text, re.MULTILINE), name


@pytest.mark.parametrize("script", ["build-image", "try-image"])
def test_an_unknown_image_is_refused(root: Path, script: str) -> None:
    done = subprocess.run([root / "scripts" / script, "nothing"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr == "there is no image 'nothing'; there are: control gateway training\n"


@pytest.mark.slow
def test_the_gateway_image_builds_and_answers(root: Path, trained: Trained) -> None:
    missing = [name for name in ("buildah", "mmdebstrap") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"apt-get install {' '.join(missing)} (as root) to build the image in this test")
    repository = trained.folder / "model-repository"
    trained.version(price)
    done = subprocess.run(
        [root / "scripts" / "try-image", "gateway", *_certificate()],
        env={**os.environ, "MODEL_REPOSITORY": str(repository)},
        capture_output=True,
        text=True,
        timeout=590,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "answered" in done.stdout


def _certificate() -> list[str]:
    """Let the builder's pip trust whom this machine's does: networks may have authorities of their own."""
    path = os.environ.get("PIP_CERT")
    return ["--volume", f"{path}:{path}:ro", "--env", f"PIP_CERT={path}"] if path else []
