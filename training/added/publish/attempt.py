"""One attempt to add a model, which leaves nothing behind however it ends.

<repository>/.adding-<name>/lock           held while the attempt runs
                            attempt.json   what it has made so far
                            <name>/        the folder of a new model, before it appears

An error and Ctrl-C undo the attempt at once. What a killed command left is put right by the next one of that name.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from serving.kernel.storage.version_manifest import Aliases
from training.added.errors import AddError
from training.errors import GateRefused, TrainingError
from training.publish import promotion, repository
from training.publish.parts import remove_unused
from training.registry.mlflow_registry import Registry

__all__ = ["Attempt", "attempt"]

JOURNAL = "attempt.json"


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What has been made so far."""

    run_id: str
    version: int = 0
    """0: it is not registered yet."""
    before: Aliases = Aliases()
    new: bool = True
    """Whether the model had no folder before."""
    parts: tuple[str, ...] = ()
    """Models that it uses, and that were not there before."""


@contextmanager
def attempt(registry: Registry, root: Path, name: str) -> Iterator[Attempt]:
    """The only attempt to add a model of this name now; whatever ends the block early undoes it.

    Raises `AddError` while another one runs, and `RegistryError`.
    """
    folder = root / f".adding-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as cause:
            raise AddError(f"another `slipway add` of {name} is running; wait until it has ended") from cause
        running = Attempt(registry, root, name, folder)
        try:
            running.settle()
            yield running
        except GateRefused:  # its run is closed, with the reason, and nothing else was made
            shutil.rmtree(folder)
            raise
        except BaseException as cause:  # Ctrl-C, too, leaves nothing behind
            # If the registry is away, the next attempt does it.
            with suppress(TrainingError):
                running.undo(f"{type(cause).__name__}: {cause}")
                shutil.rmtree(folder)
            raise
        shutil.rmtree(folder)


class Attempt:
    """Keeps a journal of what it makes, so that this can be undone."""

    def __init__(self, registry: Registry, root: Path, name: str, folder: Path) -> None:
        self._registry = registry
        self._root = root
        self._name = name
        self._folder = folder
        self._entry: _Entry | None = None
        self._new = True
        self._before = Aliases()

    def opened(self, run_id: str) -> None:
        """The registry has a run of this attempt."""
        self._write(_Entry(run_id=run_id, before=self._before, new=self._new))

    def registered(self, version: int) -> None:
        """The registry has a version of this attempt."""
        if self._entry is not None:
            self._write(msgspec.structs.replace(self._entry, version=version))

    def uses(self, parts: Iterable[str]) -> None:
        """These models are about to be published with it."""
        new = tuple(sorted(part for part in parts if not (self._root / part).exists()))
        if self._entry is not None and new:
            self._write(msgspec.structs.replace(self._entry, parts=new))

    @property
    def place(self) -> Path:
        """The repository to write the version to: one of its own, for a model that is to appear as a whole."""
        return self._folder if self._new else self._root

    def appear(self) -> None:
        """Let readers see the model, in one step. Raises `RepositoryError` if another one has appeared there."""
        if self.place == self._root:
            return
        try:
            (self._folder / self._name).rename(self._root / self._name)
        except OSError as cause:
            raise repository.RepositoryError(
                f"{self._root / self._name} has appeared meanwhile: {cause.strerror}; repeat the command"
            ) from cause

    def settle(self) -> None:
        """Put right what a killed command left: a version that was published stays, anything else goes.

        Raises `RegistryError` or `RepositoryError`.
        """
        left = self._read()
        if left is not None and self._published(left):
            if repository.trusted_aliases(self._root, self._name).champion is None:
                promotion.assign_alias(self._registry, self._root, self._name, left.version, False)
            self._registry.finish(left.run_id, "registered")
        elif left is not None:
            self._undo(left, "the command was killed")
        (self._folder / JOURNAL).unlink(missing_ok=True)
        shutil.rmtree(self._folder / self._name, ignore_errors=True)
        self._new = not (self._root / self._name).exists()
        self._before = Aliases() if self._new else repository.trusted_aliases(self._root, self._name)

    def undo(self, reason: str) -> None:
        """Remove what was made, the newest first, and close the run. Raises `RegistryError`."""
        if self._entry is not None:
            self._undo(self._entry, reason)

    def _undo(self, entry: _Entry, reason: str) -> None:
        if self._published(entry):
            self._withdraw(entry)
        remove_unused(self._root, entry.parts)
        # It may be registered although the journal does not say so yet.
        made = [found.version for found in self._registry.versions(self._name) if found.run_id == entry.run_id]
        if made and not entry.new:
            self._registry.set_aliases(self._name, entry.before)
        for version in made:
            self._registry.unregister(self._name, version)
        self._registry.finish(entry.run_id, "failed", reason)

    def _withdraw(self, entry: _Entry) -> None:
        """Take the version out of the repository."""
        if entry.new:
            repository.remove_app(self._root, self._name)
            return
        champion = entry.before.champion
        if champion is not None and repository.trusted_aliases(self._root, self._name).champion != champion:
            repository.promote(self._root, self._name, champion, "the command was interrupted")
        repository.set_aliases(self._root, self._name, entry.before)
        repository.remove(self._root, self._name, entry.version)

    def _published(self, entry: _Entry) -> bool:
        return entry.version > 0 and (self._root / self._name / str(entry.version)).is_dir()

    def _write(self, entry: _Entry) -> None:
        partial = self._folder / f"{JOURNAL}.partial"
        partial.write_bytes(msgspec.json.encode(entry))
        partial.replace(self._folder / JOURNAL)
        self._entry = entry

    def _read(self) -> _Entry | None:
        try:
            return msgspec.json.decode((self._folder / JOURNAL).read_bytes(), type=_Entry)
        except (OSError, msgspec.MsgspecError):
            return None
