"""The container images: their Dockerfile, and, where buildah is installed, the gateway's image built and used."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from apps.price.app import app as price
from serving.kernel.find_app import app_folders
from serving.kernel.settings import Settings
from tests.platform.dockerfile import TOOLS, chain, gateway_sources, sources, stages
from tests.trained import Trained

IMAGES = ("gateway", "training", "control")
REMOVED = "RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python3.11/site-packages/*"
"""Python's own image contains pip and setuptools."""


def lines(root: Path, name: str) -> str:
    """All instructions of an image, those of the stages that it is built on first."""
    return "\n".join(line for stage in chain(root, name) for line in stage.lines)


def test_hadolint_has_nothing_to_say(root: Path) -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    path = root / "images" / "Dockerfile"
    done = subprocess.run([hadolint, path], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_runs_unprivileged_from_a_pinned_base_without_build_tools(root: Path, name: str) -> None:
    made = chain(root, name)
    assert made[0].base == stages(root)["tools"].base == "python:3.11-slim-bookworm"
    assert [user for stage in made for user in stage.values("USER")] == ["10001:10001"]
    text = lines(root, name)
    assert REMOVED in text
    # The tools are mounted while a command runs, and only then.
    text = text.replace(TOOLS, "").replace(REMOVED, "")
    assert not re.search(r"\b(pip|gcc|make|build-essential|git)\b|/opt/tools", text)
    (label,) = made[-1].values("LABEL")
    (folder, listed) = re.findall(r'io\.slipway\.sbom="(.*)/(.*)"', label)[0]
    packages = (root / "images" / "packages").read_text()
    assert "\nuv pip uninstall setuptools\n" in packages
    assert f"\ncd {folder}\n" in packages and f"--output-file {listed} " in packages
    for key in ("title", "description", "licenses", "version", "revision"):
        assert f"org.opencontainers.image.{key}=" in label
    assert f'title="slipway/{name}"' in label
    assert 'io.slipway.budget-mb="$BUDGET_MB"' in label


@pytest.mark.parametrize("name", IMAGES)
def test_a_new_revision_or_changed_sources_leave_the_packages_as_they_are(root: Path, name: str) -> None:
    """Only what the packages depend on may come before them, or every build installs them again."""
    *below, packages, target = chain(root, name)
    assert packages.lines[-1].startswith(f'{TOOLS}/opt/slipway/share/packages "$EXTRAS"')
    copied = [copy for stage in (*below, packages) for copy in stage.values("COPY")]
    assert copied == ["pyproject.toml constraints.txt images/packages /opt/slipway/share/"]
    assert not [
        arg for stage in (*below, packages) for arg in stage.values("ARG") if "VERSION" in arg or "REV" in arg
    ]
    assert target.values("RUN") == []


def test_the_tools_can_be_mounted_from_a_cache(root: Path) -> None:
    """buildah 1.28 warns and mounts nothing if a cached stage ends with another instruction than COPY."""
    assert stages(root)["tools"].lines[-1].startswith("COPY ")


def test_the_gateways_ports_are_the_settings(root: Path) -> None:
    assert stages(root)["gateway"].values("EXPOSE") == [f"{Settings.http_port} {Settings.grpc_port}"]


def test_only_what_images_need_is_sent_to_the_builder(root: Path) -> None:
    """A secret in a forgotten file must not become a layer: files that are not listed stay out."""
    listed = [line for line in (root / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert listed[0] == "*"
    assert all((root / line.removeprefix("!")).exists() for line in listed if line.startswith("!"))
    copies = [
        copy for stage in stages(root).values() for copy in stage.values("COPY") if not copy.startswith("--")
    ]
    copied = {word for copy in copies for word in copy.split()[:-1]}
    assert {f"!{word}" for word in copied} == {line for line in listed if line.startswith("!")}


def test_the_gateway_contains_what_answers_and_nothing_that_trains(tmp_path: Path, root: Path) -> None:
    """Builds the wheel from the same files as the stage `gateway-sources` does."""
    for path in gateway_sources(root):
        target = tmp_path / "src" / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    build = "from setuptools import build_meta; build_meta.build_wheel('wheel')"
    done = subprocess.run(
        [sys.executable, "-c", build], cwd=tmp_path / "src", capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (wheel,) = (tmp_path / "src" / "wheel").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert {name.partition("/")[0] for name in names} == {"apps", "serving"}
    for app in app_folders():
        own = {name.removeprefix(f"apps/{app}/") for name in names if name.startswith(f"apps/{app}/")}
        assert {"app.py", "schema.py", "values.yaml", "serve/__init__.py"} <= own, app
        golden = {f"golden/{path.name}" for path in (root / "apps" / app / "golden").iterdir()}
        assert golden and golden <= own, app
        assert not [name for name in own if name.startswith("train")], app


def test_training_and_control_contain_every_package(root: Path) -> None:
    found = {path.relative_to(root).parts[0] for path in sources(root, stages(root)["sources"])}
    assert {"apps", "control", "serving", "training"} <= found
    for name in IMAGES:
        origin = "gateway-sources" if name == "gateway" else "sources"
        assert f"--from={origin} /opt/sources /opt/slipway" in stages(root)[name].values("COPY")


def test_the_budgets_are_documented(root: Path) -> None:
    text = (root / "docs" / "images.md").read_text()
    for name in IMAGES:
        (budget,) = re.findall(r"^ARG BUDGET_MB=(\d+)$", lines(root, name), re.MULTILINE)
        assert re.search(rf"^\| `slipway/{name}` .*\| {budget} MB \|$", text, re.MULTILINE), name


def test_what_verifies_tokens_or_signatures_has_the_library(root: Path) -> None:
    text = (root / "docs" / "images.md").read_text()
    for name in IMAGES:
        (extras,) = re.findall(r"^ARG EXTRAS=(\S+)$", lines(root, f"{name}-packages"), re.MULTILINE)
        assert f"| `{extras}` |" in text, name
        assert {"auth", "train"} & set(extras.split(",")), name


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
    """Options that let the builder's pip and uv trust the same certificate authorities as this machine's pip."""
    path = os.environ.get("PIP_CERT")
    return ["--volume", f"{path}:/etc/ssl/certs/ca-certificates.crt:ro"] if path else []
