"""The tables of a benchmark, on standard output."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.contest.contestants import CONTESTANTS
from benchmarks.contest.goals import judge, plural
from benchmarks.contest.results import Middle, Results, middle
from benchmarks.contest.workloads import WORKLOADS, Workload
from control.console import note, print_table

__all__ = ["VERDICTS", "show"]

BUSY = 0.9
"""Share of a core from which on a client may have been the limit."""
VERDICTS = {True: "reached", False: "MISSED", None: "-"}


def show(results: Results) -> None:
    """Everything that was measured."""
    machine = results.machine
    note(f"{machine.cores} cores of {machine.processor}, {machine.memory_gb:g} GB; {results.started}")
    rounds = "one round" if results.rounds == 1 else f"{results.rounds} rounds, medians (lowest to highest)"
    note(f"runs of {results.seconds:g} s, {rounds}")
    for workload in WORKLOADS.values():
        _show_workload(workload, results)
    _show_costs(results)
    _show_own(results)
    _show_open(results)
    _show_goals(results)
    for text in _doubts(results):
        note(text)


def _show_workload(workload: Workload, results: Results) -> None:
    names = [name for name in CONTESTANTS if results.rate(workload.name, name, workload.clients[0])]
    if not names:
        return
    columns = ["contestant"]
    for clients in workload.clients:
        columns += [f"req/s, {plural(clients)}", "p50/p99/p99.9 ms"]
    rows = []
    for name in names:
        cells = [cell for clients in workload.clients for cell in _cells(workload, name, clients, results)]
        rows.append((name, *cells, _cpu(workload, name, results)))
    print_table((*columns, f"CPU us/req, {plural(workload.clients[-1])}"), rows, workload.title)


def _cells(workload: Workload, name: str, clients: int, results: Results) -> tuple[str, str]:
    rate = results.rate(workload.name, name, clients)
    times = [
        results.figure(workload.name, name, clients, take)
        for take in (lambda f: f.sample.p50_ms, lambda f: f.sample.p99_ms, lambda f: f.sample.p999_ms)
    ]
    return _spread(rate), "/".join(_short(time.median) for time in times if time is not None)


def _cpu(workload: Workload, name: str, results: Results) -> str:
    found = results.figure(workload.name, name, workload.clients[-1], lambda figure: figure.cpu_us)
    return f"{found.median:,.0f}" if found else ""


def _show_costs(results: Results) -> None:
    rows = []
    for name, contestant in CONTESTANTS.items():
        found = [item for item in results.startups if (item.contestant, item.model) == (name, "autoencoder")]
        seconds, memory = middle(item.seconds for item in found), middle(item.memory.pss for item in found)
        if seconds is not None and memory is not None:
            rows.append((name, contestant.about, f"{memory.median:,.0f}", f"{seconds.median:.1f}"))
    if rows:
        print_table(
            ("contestant", "what it is", "memory MB", "start s"), rows, "Memory (PSS of all processes), start"
        )


def _show_own(results: Results) -> None:
    keys = dict.fromkeys((item.model, item.threads) for item in results.own)
    rows = []
    for model, threads in keys:
        batches = {
            batch: middle(
                item.rows_per_second
                for item in results.own
                if (item.model, item.threads, item.batch) == (model, threads, batch)
            )
            for batch in sorted({item.batch for item in results.own})
        }
        rows.append((model, str(threads), *(_spread(found) for found in batches.values())))
    if rows:
        print_table(
            ("model", "threads", "one by one", "batches of 16", "batches of 64"),
            rows,
            "ONNX Runtime alone, rows/s",
        )


def _show_open(results: Results) -> None:
    rows = []
    for item in results.open:
        outcome = item.outcome
        times = "/".join(_short(value) for value in (outcome.p50_ms, outcome.p99_ms, outcome.p999_ms))
        answered = f"{outcome.ok / outcome.due:.1%}"
        lost = f"{outcome.refused:,} / {outcome.failed:,} / {outcome.unanswered:,}"
        client = f"{outcome.client_cpu:.0%}, {_short(outcome.late_p99_ms)} ms"
        rows.append((item.contestant, f"{item.share:.0%}", f"{item.rate:,.0f}", answered, times, lost, client))
    if rows:
        columns = ("contestant", "of capacity", "due/s", "answered", "p50/p99/p99.9 ms", "refused/failed/none")
        print_table((*columns, "client CPU, late p99"), rows, "Open loop: latency from when a request was due")


def _show_goals(results: Results) -> None:
    rows = [
        (line.goal + (" (stretch)" if line.stretch else ""), line.wanted, line.measured, VERDICTS[line.reached])
        for line in judge(results)
    ]
    print_table(("goal", "wanted", "measured", ""), rows, "Goals: Slipway with one gateway replica")


def _doubts(results: Results) -> Iterable[str]:
    """What a reader must know before believing the numbers."""
    if results.machine.load_before > 0.5:
        yield f"The machine was not idle before: load average {results.machine.load_before:g}."
    busy = [item for item in results.figures if item.sample.client_cpu > BUSY]
    for item in busy:
        yield f"The client may have been the limit: {item.workload}, {item.contestant}, {item.clients} clients."
    for opened in results.open:
        if opened.outcome.client_cpu > BUSY:
            yield f"The open-loop client may have been the limit: {opened.contestant}, {opened.share:.0%}."
    wrong = {(item.workload, item.contestant) for item in results.figures if item.sample.errors}
    for workload, contestant in sorted(wrong):
        yield f"Some requests failed: {workload}, {contestant}; they are not in its requests per second."
    for name, reason in results.failures.items():
        yield f"{name} could not be measured: {reason}"


def _spread(found: Middle | None) -> str:
    if found is None:
        return "-"
    spread = f" ({found.low:,.0f} to {found.high:,.0f})" if found.low < found.high else ""
    return f"{found.median:,.0f}{spread}"


def _short(milliseconds: float) -> str:
    return f"{milliseconds:.2f}" if milliseconds < 10 else f"{milliseconds:.0f}"
