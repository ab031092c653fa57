"""Compare the model repository with a running Triton, and load and unload until they agree.

The champion and the challenger of each model are loaded; without aliases, its newest version. A version that has
lost its alias stays until its successor is loaded, and for a while after that, because gateways look at aliases
only now and then. What Triton refuses does not take away what it serves.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as pb

from control.triton.place import Place, placed, same_place
from control.triton.server import Server, TritonAway, TritonLacks, TritonRefused
from serving.kernel.storage.model_repository import Repository
from serving.kernel.storage.version_files import Refused
from serving.kernel.storage.version_manifest import Aliases
from training.publish.parts import parts_of_model

__all__ = ["Follower", "Served", "fitting"]

CONFIG = "config.pbtxt"
RETRY_SECONDS = 60.0
"""After this time, what Triton refused is tried again although nothing has changed."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Served:
    """What Triton serves of one model, and why it does not serve what the aliases name."""

    model: str
    versions: tuple[int, ...] = ()
    champion: int | None = None
    problem: str = ""


@dataclass
class _Model:
    """What is remembered of one model. A state is its configuration and the stamps of the versions."""

    aliased: dict[int, float] = field(default_factory=dict)
    """Version -> when it was needed last."""
    verified: dict[int, tuple[object, str]] = field(default_factory=dict)
    """Version -> (the manifest's stamp, why it is not loaded; empty for a good one)."""
    loaded: Any = None
    """The state that was loaded last; None: not known."""
    refused: dict[tuple[int, ...], tuple[Any, float, str]] = field(default_factory=dict)
    """Versions -> (the state that Triton refused, when to try again, why)."""


class Follower:
    """Keeps one Triton current; `look` compares once."""

    def __init__(
        self,
        repository: Repository,
        server: Server,
        place: Place,
        models: Sequence[str] = (),
        keep_seconds: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`models` are followed with those that they use; without them, every model of the repository is."""
        self._repository = repository
        self._server = server
        self._place = place
        self._only = tuple(models)
        self._keep = keep_seconds
        self._clock = clock
        self._models: dict[str, _Model] = {}

    def look(self) -> tuple[Served, ...]:
        """Load and unload what has changed; returns what Triton serves now. Raises `TritonAway`."""
        served = self._server.served()
        # Triton's index leaves out a model whose folder is gone.
        loaded = {name for name, model in self._models.items() if model.loaded is not None}
        names = sorted(self._chosen() | loaded if self._only else self._folders() | served.keys() | loaded)
        problems = {name: self._follow(name, served.get(name, set())) for name in names}
        served = self._server.served()
        return tuple(self._report(name, served.get(name, set()), problems[name]) for name in names)

    def _chosen(self) -> set[str]:
        """The models of `--model`, and those that a version from a folder uses."""
        found = set(self._only)
        for name in self._only:
            with suppress(OSError):
                found |= parts_of_model(self._repository.root, name)
        return found

    def _folders(self) -> set[str]:
        names = {path.parent.name for path in self._repository.root.glob(f"*/{CONFIG}")}
        return {name for name in names if not name.startswith(".")}

    def _follow(self, name: str, served: set[int]) -> str:
        """Bring one model up to date; returns what is wrong with it."""
        model = self._models.setdefault(name, _Model(aliased=dict.fromkeys(served, self._clock())))
        try:
            # What is served stays while the whole repository is gone, such as a volume that is lost for a moment.
            self._repository.root.stat()
            wanted, kept, problem = self._wanted(name, model, served)
            if wanted or kept:
                return self._update(name, model, served, _attempts(wanted, kept)) or problem
            # A version that cannot be checked now goes on answering; unloading it would end what works.
            if (served or model.loaded is not None) and not self._repository.versions(name):
                self._server.unload(name)
                model.loaded = None
                log.info("%s: all versions are unloaded", name)
            return problem
        except (OSError, ValueError, Refused, TritonRefused, text_format.ParseError) as cause:
            return f"{type(cause).__name__}: {cause}"

    def _update(self, name: str, model: _Model, served: set[int], attempts: list[list[int]]) -> str:
        """Load the first attempt that Triton takes; returns why it refused the better ones."""
        text = (self._repository.root / name / CONFIG).read_text()
        config = text_format.Parse(text, pb.ModelConfig())
        if config.name not in ("", name):
            return f'{CONFIG} names the model "{config.name}", and its folder is {name}'
        config.name = name
        problem = ""
        lacking: set[int] = set()
        for versions in fitting(config, attempts):
            state = (text, {version: model.verified[version][0] for version in versions})
            if served == set(versions) and self._is_current(name, model, state, config):
                return problem
            if lacking & set(versions):
                # To try it would end what Triton serves of the others.
                self._refuse(model, state, problem)
                continue
            refusal = self._known_refusal(model, versions, state)
            if not refusal:
                refusal, left = self._load(name, model, placed(config, self._place, versions), state)
                if not refusal:
                    return problem
                lacking |= left
                served = self._server.served().get(name, set())
            problem = problem or refusal
        return problem

    def _refuse(self, model: _Model, state: Any, problem: str) -> None:
        model.refused[tuple(state[1])] = (state, self._clock() + RETRY_SECONDS, problem)

    def _known_refusal(self, model: _Model, versions: list[int], state: Any) -> str:
        """Why Triton refused the same lately; empty if it did not."""
        before, retry, why = model.refused.get(tuple(versions), (None, 0.0, ""))
        return why if before == state and self._clock() < retry else ""

    def _load(self, name: str, model: _Model, config: pb.ModelConfig, state: Any) -> tuple[str, set[int]]:
        """Why Triton refuses the configuration, empty if it serves it; the versions it only says it loaded."""
        listed = ", ".join(map(str, sorted(state[1])))
        try:
            self._try(name, config, set(state[1]))
        except TritonRefused as refusal:
            problem = f"Triton refuses {name} {listed}: {refusal}"
            log.warning("%s", problem)
            self._refuse(model, state, problem)
            return problem, refusal.versions if isinstance(refusal, TritonLacks) else set()
        model.loaded = state
        log.info("%s: loaded are the versions %s", name, listed)
        return "", set()

    def _try(self, name: str, config: pb.ModelConfig, versions: set[int]) -> None:
        """Load, and look whether it is served. Raises `TritonRefused`."""
        try:
            self._server.load(config)
        except TritonAway as away:
            self._server.served()  # raises if it is away; else this model alone took too long, or failed
            raise TritonRefused(str(away)) from None
        lacking = versions - self._server.served().get(name, set())
        if lacking:
            raise TritonLacks(lacking)

    def _is_current(self, name: str, model: _Model, state: Any, config: pb.ModelConfig) -> bool:
        """Whether Triton has exactly this; asked of Triton itself where an earlier process loaded it."""
        if model.loaded is None and same_place(self._server.config(name), placed(config, self._place)):
            model.loaded = state
        return bool(model.loaded == state)

    def _wanted(self, name: str, model: _Model, served: set[int]) -> tuple[list[int], list[int], str]:
        """The versions that aliases name, the champion first; those that were needed lately; what is wrong."""
        published = self._repository.versions(name)
        aliases = self._repository.aliases(name)
        named = _named(aliases, published)
        missing = [number for number in named if number not in published]
        named = [number for number in named if number in published]
        # Until its successor answers, gateways use what is there.
        in_use = set(named) if named and named[0] in served else {*named, *served}
        now = self._clock()
        model.aliased |= dict.fromkeys(in_use, now)
        model.aliased = {v: at for v, at in model.aliased.items() if v in published and now - at <= self._keep}
        problems = [f"version {number} is not published" for number in missing]
        faults = {number: self._verify(name, model, number) for number in named}
        problems += faults.values()
        if not published:
            problems.append("there is no version")
        good = [number for number in named if not faults[number]]
        kept = [v for v in sorted(model.aliased) if v not in named and not self._verify(name, model, v)]
        return good, kept, "; ".join(filter(None, problems))

    def _verify(self, name: str, model: _Model, version: int) -> str:
        """Why a version is not what was published; empty if it is. Unchanged files are read once.

        Files that cannot be read now are looked at again: raises `OSError`.
        """
        stamp: object = None
        try:
            stamp = self._repository.stamp(name, version)
            if model.verified.get(version, (None, ""))[0] != stamp:
                self._repository.verify(name, version)
                model.verified[version] = (stamp, "")
        except Refused as refusal:
            if isinstance(refusal.__cause__, OSError):
                raise
            model.verified[version] = (stamp, f"version {version}: {refusal}")
        return model.verified[version][1]

    def _report(self, name: str, served: set[int], problem: str) -> Served:
        try:
            champion = self._repository.aliases(name).champion
        except Refused:
            champion = None
        return Served(name, tuple(sorted(served)), champion, problem)


def _named(aliases: Aliases, published: Sequence[int]) -> list[int]:
    """The champion first; without one, the newest version."""
    champion = max(published, default=None) if aliases.champion is None else aliases.champion
    return list(dict.fromkeys(number for number in (champion, aliases.challenger) if number is not None))


def fitting(config: pb.ModelConfig, attempts: list[list[int]]) -> list[list[int]]:
    """The attempts without versions that the configuration leaves out, because their tensors are others."""
    if not config.version_policy.HasField("specific"):
        return attempts
    named = set(config.version_policy.specific.versions)
    found = [[number for number in attempt if number in named] for attempt in attempts]
    return [attempt for index, attempt in enumerate(found) if attempt and attempt not in found[:index]] or attempts


def _attempts(wanted: list[int], kept: list[int]) -> list[list[int]]:
    """What to try in turn: everything, then less and less, so that one bad version costs itself alone."""
    champion = wanted[:1]
    found: list[list[int]] = []
    for attempt in ([*wanted, *kept], wanted, [*champion, *kept], champion, [*wanted[1:], *kept], kept):
        ordered = sorted(attempt)
        if ordered and ordered not in found:
            found.append(ordered)
    return found
