"""`slipway add`: from a file to a published version. `add` is the whole story."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from serving.kernel.app_values import Values
from serving.kernel.find_app import app_folders, listed_packages
from serving.kernel.storage.model_repository import NAME, Repository
from serving.kernel.storage.version_files import Refused
from serving.kernel.storage.version_manifest import Aliases, Manifest, digest_file
from training.added.apart.run import SECONDS, build_apart
from training.added.build import Built, Wanted
from training.added.card import card
from training.added.errors import AddError
from training.added.folders.build import answering
from training.added.publish.attempt import attempt
from training.added.truth.given import Truth
from training.added.truth.judge import judge
from training.added.truth.measure import Judged
from training.added.truth.record import record, tags_of
from training.added.truth.words import sentence
from training.fit.scratch import scratch
from training.progress import Progress
from training.publish import added_files, promotion, repository, servable
from training.publish.added_files import CARD, VALUES
from training.publish.parts import parts_of, publish_parts
from training.publish.signer import keep_signature
from training.registry.mlflow_model import write_mlflow_model
from training.registry.mlflow_registry import SERVABLE, Registry
from training.registry.provenance import git_commit, libraries

__all__ = ["Added", "Prepared", "add", "check_name", "prepared"]

HEADER = (
    b"# How the model is served; docs/settings.md. `slipway add` wrote this file and does not change it again.\n"
)


@dataclass(frozen=True, kw_only=True)
class Added:
    """A registered and published version of a model."""

    manifest: Manifest
    aliases: Aliases
    seconds: dict[str, float]


@dataclass(frozen=True)
class Prepared:
    """A model that was read, checked and measured, and the folder with its files."""

    wanted: Wanted
    built: Built
    folder: Path
    judged: Judged | None = None
    """How good it is on rows with known answers; None without such rows."""


def check_name(name: str, root: Path) -> None:
    """Raise `AddError` for a name that a model cannot have."""
    if not NAME.fullmatch(name):
        raise AddError(
            f"the name {name!r} must be 1 to 63 of a-z 0-9 _ -, and start with a letter; give it with --name"
        )
    if name in (*app_folders(), *listed_packages()):
        raise AddError(f"{name} is an app; give the model another name with --name")
    there = Repository(root)
    for number in there.versions(name)[-1:]:
        try:
            added = there.manifest(name, number).added
        except Refused as cause:
            raise AddError(
                f"{name} version {number} in {root} is damaged: {cause}. `slipway repository sync {name}` repairs "
                f"it, `slipway remove {name}` removes it; or give the model another name with --name"
            ) from cause
        if not added:
            raise AddError(f"{name} in {root} was not added from a file; give the model another name with --name")


@contextmanager
def prepared(
    wanted: Wanted, progress: Progress, truth: Truth | None = None, seconds: float = SECONDS
) -> Iterator[Prepared]:
    """Read, inspect, prove and measure a model; its files last as long as the block. Raises `AddError`.

    With the known answers of the sample's rows, it is judged too.
    """
    with scratch("slipway-add-") as folder:
        path = folder / SERVABLE
        path.mkdir()
        built, judged = build_apart(wanted, path, progress, seconds), None
        if truth is not None:
            # A folder's model needs a Triton again.
            with answering(wanted.name, path) if wanted.path.is_dir() else nullcontext(built.run) as run:
                built, judged = judge(replace(built, run=run), truth, progress)
        yield Prepared(wanted, built, path, judged)


def add(made: Prepared, registry: Registry, root: Path, progress: Progress, promote: bool = False) -> Added:
    """Register and publish a prepared model; whatever ends this early leaves nothing behind.

    Raises `GateRefused` for a model that was judged and did not pass, `RegistryError`, `RepositoryError`, or
    `AddError` while another `slipway add` of that name runs.
    """
    name, source = made.wanted.name, made.wanted.source
    if registry.is_foreign(name):
        raise AddError(
            f"{name} is a model that others registered in {registry.shown}; its versions and aliases stay as they "
            "are. Give the served model another name with --name"
        )
    with attempt(registry, root, name) as running:
        with progress.step("register"):
            tags = {"slipway.app": name, "slipway.added": "true", "slipway.source": source}
            run_id = registry.start(name, f"{name} {source}"[:200], tags)
            running.opened(run_id)
            if made.judged is not None:
                record(registry, run_id, made.built.manifest, made.judged)
            manifest = _seal(made, run_id)
            beside = _beside(made, manifest, root / name)
            added_files.keep(registry, run_id, beside)
            version = _register(made, registry, manifest)
            running.registered(version)
        with progress.step("publish"):
            place = running.place
            repository.write_app_files(place, name, {VALUES: beside[VALUES]})
            running.uses(parts_of(manifest.files))
            publish_parts(made.folder, root, sign=True)
            added_files.write_config(place, name, msgspec.structs.replace(manifest, version=version), made.folder)
            repository.publish(made.folder, place, name, version)
            repository.write_app_files(place, name, {CARD: beside[CARD]})
            running.appear()
            keep_signature(registry, root, name, version)
            aliases = promotion.assign_alias(registry, root, name, version, False, promote)
        registry.finish(run_id, "registered")
    return Added(
        manifest=msgspec.structs.replace(manifest, version=version), aliases=aliases, seconds=dict(progress.times)
    )


def _seal(made: Prepared, run_id: str) -> Manifest:
    manifest = msgspec.structs.replace(
        made.built.manifest,
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        run_id=run_id,
        git_commit=git_commit(),
        dataset_sha256=made.built.contents or digest_file(made.wanted.path).sha256,
        libraries=libraries(),
    )
    sealed = servable.seal(made.folder, manifest)
    example = {name: array[:1] for name, array in made.built.rows.items()}
    write_mlflow_model(made.folder, made.built.app, run_id, example)
    return sealed


def _register(made: Prepared, registry: Registry, manifest: Manifest) -> int:
    registry.log(manifest.run_id, tags={"slipway.notes": "\n".join(manifest.notes)})
    registry.log_folder(manifest.run_id, made.folder, SERVABLE)
    tags = {"slipway.added": "true", "slipway.source": made.wanted.source, **tags_of(manifest)}
    text = f"Added from {made.wanted.source}; {sentence(manifest)}."
    summary = f"The model {made.wanted.name}, added from {made.wanted.source}."
    return registry.register(made.wanted.name, manifest.run_id, tags, text, summary)


def _beside(made: Prepared, manifest: Manifest, folder: Path) -> dict[str, bytes]:
    """The files beside the versions; settings that somebody may have changed stay."""
    values = made.built.values
    backend = {} if values.backend == Values().backend else {"backend": values.backend}
    written = HEADER + msgspec.yaml.encode({**backend, "batching": {"max_rows": values.batching.max_rows}})
    if (folder / VALUES).exists():
        written = (folder / VALUES).read_bytes()
    return {VALUES: written, CARD: card(manifest, made.built.context).encode()}
