"""The contest: every contestant started, checked, warmed up and measured, one at a time, round after round.

Rounds are interleaved: a round visits everybody, and each next round begins further down the list, so that what
else the machine does meanwhile hits all alike. Nothing but the client runs beside a contestant.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.contest import asking, yardstick
from benchmarks.contest.contestants import CONTESTANTS, Contestant
from benchmarks.contest.results import Figure, Idle, Open, Own, Results, Startup, this_machine
from benchmarks.contest.workloads import OPEN_CONTESTANTS, OPEN_SHARES, Session, Workload, sessions, threads_of
from benchmarks.load import closed_loop, open_loop
from benchmarks.setup import envs, models, publish, usage
from benchmarks.setup.place import BenchmarkError, Place
from benchmarks.setup.servers import Running, Subject, running
from serving.kernel.cpu_quota import cpu_count
from serving.kernel.storage.model_repository import Repository

__all__ = ["Contest", "Options", "write"]

IDLE_SECONDS = 10.0
OURS = "slipway-"
"""What the names of our threads begin with."""
REPLICA = "ServeReplica:slipway:gateway"
"""Part of the title of a gateway replica's process."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How long and how much."""

    workloads: tuple[Workload, ...]
    only: tuple[str, ...] = ()
    """Contestants; empty: all."""
    rounds: int = 3
    seconds: float = 3.0
    """Of one run."""
    warm_up: float = 1.0
    """Seconds of load before each run."""
    open_loop: bool = True


class Contest:
    """One benchmark from beginning to end; `run` may be called once."""

    def __init__(self, options: Options, place: Place, say: Callable[[str], None]) -> None:
        self._options = options
        self._place = place
        self._say = say
        self._sessions = sessions(options.workloads, options.only)
        self._pythons: dict[str, Path] = {}
        self._models: dict[str, Path] = {}

    def run(self, save: Callable[[Results], None]) -> Results:
        """Prepare, measure, and `save` after every session.

        Raises `BenchmarkError` when a client or a model is missing. A contestant that fails is left out of that
        round and named in `failures`.
        """
        closed_loop.require("wrk")
        if any(item.door == "grpc" for item in self._options.workloads):
            closed_loop.require("h2load")
        machine = this_machine()
        failures = self._prepare()
        results = Results(
            machine=machine,
            started=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            seconds=self._options.seconds,
            rounds=self._options.rounds,
            slipway_threads=self._slipway_threads(),
            failures=failures,
        )
        for number in range(self._options.rounds):
            self._round(number, results, save)
        if self._options.open_loop:
            self._open_loop(results, save)
        return results

    def _prepare(self) -> dict[str, str]:
        """Environments, models and repositories; contestants that cannot take part with the reason."""
        failures = {}
        for contestant in {session.contestant.name: session.contestant for session in self._sessions}.values():
            if contestant.environment not in self._pythons:
                try:
                    python = envs.ensure(contestant.environment, self._place, self._say)
                except BenchmarkError as error:
                    failures[contestant.name] = str(error)
                    continue
                self._pythons[contestant.environment] = python
        for model in dict.fromkeys(session.model for session in self._sessions):
            self._models[model] = self._publish(model)
        return failures

    def _publish(self, model: str) -> Path:
        if model == "price":
            publish.trained(model, self._place, self._say)
            version = Repository(self._place.repository).versions(model)[-1]
            return self._place.repository / model / str(version) / "model.onnx"
        path = models.make(model, self._place, self._say)
        publish.for_slipway(model, path, self._place)
        publish.for_triton(model, path, self._place, threads_of(model))
        return path

    def _slipway_threads(self) -> int:
        """As many as Slipway gives a model that is worth more than one."""
        return cpu_count()

    def _round(self, number: int, results: Results, save: Callable[[Results], None]) -> None:
        self._yardstick(number, results)
        able = [session for session in self._sessions if session.contestant.environment in self._pythons]
        first = number * len(able) // self._options.rounds
        for place, session in enumerate(able[first:] + able[:first], 1):
            name = session.contestant.name
            self._say(f"round {number + 1}/{self._options.rounds}  {place}/{len(able)}  {name}, {session.model}")
            try:
                self._session(session, number, results)
            except BenchmarkError as error:
                results.failures[name] = str(error)
                self._say(f"{name}: {error}")
            save(results)

    def _session(self, session: Session, number: int, results: Results) -> None:
        contestant, model = session.contestant, session.model
        all_asked = [asking.prepare(item, contestant, self._models[model]) for item in session.workloads]
        with ExitStack() as stack:
            server = self._start(stack, contestant, all_asked[0])
            if contestant.name == "slipway" and model == "autoencoder":
                results.idle.append(_idle(server, number))
            for asked in all_asked:
                try:
                    self._workload(server, asked, contestant.name, number, results)
                except BenchmarkError as error:
                    results.failures[f"{contestant.name}, {asked.workload.name}"] = str(error)
            results.startups.append(
                Startup(
                    contestant=contestant.name,
                    model=model,
                    round=number,
                    seconds=server.seconds,
                    memory=usage.memory(server.processes()),
                )
            )

    def _start(self, stack: ExitStack, contestant: Contestant, asked: asking.Asked) -> Running:
        """A contestant that runs until `stack` closes; tried twice, as others may take a port meanwhile."""
        model = asked.workload.model
        subject = Subject(
            python=self._pythons[contestant.environment],
            model=self._models[model],
            name=model,
            threads=threads_of(model),
        )
        log = self._place.log(contestant.name)
        try:
            return stack.enter_context(running(contestant.start, subject, self._place, log, asked.check))
        except BenchmarkError:
            return stack.enter_context(running(contestant.start, subject, self._place, log, asked.check))

    def _workload(
        self, server: Running, asked: asking.Asked, contestant: str, number: int, results: Results
    ) -> None:
        if not asked.check(server.launch):
            raise BenchmarkError("no answer")
        for clients in asked.workload.clients:
            results.figures.append(self._figure(server, asked, contestant, clients, number))

    def _figure(self, server: Running, asked: asking.Asked, contestant: str, clients: int, number: int) -> Figure:
        workload = asked.workload
        asked.load(server.launch, clients, self._options.warm_up * workload.stretch)
        processes = server.processes()
        before = usage.cpu_seconds(processes)
        sample = asked.load(server.launch, clients, self._options.seconds * workload.stretch)
        cpu = usage.spent(before, usage.cpu_seconds(processes))
        return Figure(
            workload=workload.name,
            contestant=contestant,
            clients=clients,
            rows=workload.rows,
            round=number,
            sample=sample,
            cpu_us=cpu / max(1, sample.requests) * 1e6,
        )

    def _yardstick(self, number: int, results: Results) -> None:
        for model, path in self._models.items():
            seconds = 3.0 if model == "minilm" else 1.0
            for threads in sorted({1, results.slipway_threads}) if model != "price" else ():
                for batch, rows in yardstick.measure(path, threads, seconds).items():
                    results.own.append(
                        Own(model=model, threads=threads, batch=batch, round=number, rows_per_second=rows)
                    )

    def _open_loop(self, results: Results, save: Callable[[Results], None]) -> None:
        workload = next((item for item in self._options.workloads if item.name == "json"), None)
        for name in OPEN_CONTESTANTS if workload is not None else ():
            capacity = results.rate("json", name, 64)
            if workload is None or capacity is None:
                continue
            self._say(f"open loop  {name}")
            asked = asking.prepare(workload, CONTESTANTS[name], self._models[workload.model])
            try:
                with ExitStack() as stack:
                    server = self._start(stack, CONTESTANTS[name], asked)
                    asked.load(server.launch, 64, self._options.warm_up)
                    for share in OPEN_SHARES:
                        rate = share * capacity.median
                        seconds = 2 * self._options.seconds
                        outcome = open_loop.measure(server.launch.http, asked.request, rate, seconds)
                        results.open.append(Open(contestant=name, share=share, rate=rate, outcome=outcome))
            except BenchmarkError as error:
                results.failures[f"{name} (open loop)"] = str(error)
            save(results)


def _idle(server: Running, number: int) -> Idle:
    """The gateway replica's process, left alone, and in it the threads that are ours and not Ray's."""
    replicas = [item for item in server.processes() if REPLICA in " ".join(item.cmdline())]
    before, ours, started = usage.cpu_seconds(replicas), usage.thread_seconds(replicas, OURS), time.monotonic()
    time.sleep(IDLE_SECONDS)
    seconds = time.monotonic() - started
    cpu = usage.spent(before, usage.cpu_seconds(replicas))
    own = usage.thread_seconds(replicas, OURS) - ours
    return Idle(
        round=number,
        memory=usage.memory(replicas),
        cpu_percent=100 * own / seconds,
        process_cpu_percent=100 * cpu / seconds,
    )


def write(results: Results, path: Path) -> None:
    """As JSON, in one step."""
    partial = path.with_suffix(".partial")
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1))
    partial.replace(path)
