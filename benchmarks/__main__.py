"""`python -m benchmarks [PART ...] [options]`: print measured figures.

contest   Slipway and its peers, side by side: what `make bench` runs after `features`, and what README.md quotes
features  microseconds per question of the price app's feature code
batcher   microseconds that the batcher adds to a request
engine    ONNX Runtime in the process: one row, opening a model, and ways of running it beside ONNX Runtime alone
lane      microseconds from a request's bytes to its answer's, without kernel, client and model
soak      ten minutes at 150 % of capacity, every answer checked (--minutes N)
attack    hot lane, Starlette and gRPC against each other, and damaged versions (--minutes N)
report    the tables of the newest contest once more
catalog   every app trained on SLIPWAY_DATA: seconds, and metrics beside the floors of plain models
gateway   every app in one replica: its memory, and latency of each app's example
added     models added from a file: seconds to the first answer, and many of them in one gateway (--models N)
fraud     the fraud app on all seven anomaly sets of SLIPWAY_DATA: ranking, alerts, verdicts of its gate
autoscaling  the chart's scaling policies replayed on traffic traces: replicas, oscillations, waits
doors     requests a second and latency through each door of the running stack (`make up` first)
demand    milliseconds for a 90-day forecast: Prophet itself beside the demand app
score     rows a second of `slipway score`, and its memory as the file grows (--rows N ...)
training  each file of SLIPWAY_DATA/price beside persistence, with the seconds each step took

Without a PART: features, then contest. Options of the contest:
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from types import FrameType

from benchmarks import evaluations
from benchmarks.added import first_answer, many
from benchmarks.contest.contestants import CONTESTANTS
from benchmarks.contest.workloads import WORKLOADS, choose
from benchmarks.parts import attack, batcher, demand_forecast, doors, engine, features, gateway, lane, score, soak
from benchmarks.scaling import replay
from benchmarks.setup.place import BenchmarkError, Place
from control.console import fail, note
from training.errors import DataError

QUICK = {"rounds": 1, "seconds": 1.0, "warm_up": 1.0}


def main(words: Sequence[str]) -> int:
    """Run the named parts."""
    parser = _parser()
    given = parser.parse_args(words)
    for name in given.parts:
        if name not in (*OWN_OPTIONS, *PARTS):
            parser.error(f"there is no part {name!r}; there are: {', '.join((*OWN_OPTIONS, *PARTS))}")
    for name in given.parts or ("features", "contest"):
        try:
            run(name, given)
        except (BenchmarkError, DataError) as error:
            fail(str(error))
            return 1
    return 0


def run(name: str, given: argparse.Namespace) -> None:
    """Run one part. Raises `BenchmarkError`."""
    if name == "contest":
        contest(given)
    elif name == "soak":
        soak.main(given.minutes)
    elif name == "attack":
        attack.main(given.minutes)
    elif name == "score":
        score.main(given.rows)
    elif name == "added":
        first_answer.main()
        many.main(given.models)
    else:
        PARTS[name]()


def report() -> None:
    """Print the newest results. Raises `BenchmarkError` when there are none."""
    import msgspec

    from benchmarks.contest.report import show
    from benchmarks.contest.results import Results

    found = sorted(Place.default().results.glob("*/results.json"))
    if not found:
        raise BenchmarkError("nothing has been measured yet: python -m benchmarks contest")
    show(msgspec.json.decode(found[-1].read_bytes(), type=Results))


def contest(given: argparse.Namespace) -> None:
    """Measure, write JSON, draw, print. Raises `BenchmarkError`."""
    from benchmarks.contest import plots
    from benchmarks.contest.report import show
    from benchmarks.contest.run import Contest, Options, write

    started = time.monotonic()
    place = Place.default()
    folder = place.results / time.strftime("%Y%m%d-%H%M%S")
    pace = QUICK if given.quick else {}
    options = Options(
        workloads=choose(given.workload),
        only=tuple(given.only),
        open_loop=not given.no_open_loop,
        **{**pace, **{name: value for name in QUICK if (value := getattr(given, name, None)) is not None}},
    )
    running = Contest(options, place, lambda text: note(f"[{time.monotonic() - started:5.0f} s] {text}"))
    folder.mkdir(parents=True)
    results = running.run(lambda so_far: write(so_far, folder / "results.json"))
    write(results, folder / "results.json")
    show(results)
    drawn = plots.draw(results, folder)
    note(f"{time.monotonic() - started:.0f} s in all; {folder / 'results.json'} and {len(drawn)} plots beside it")


OWN_OPTIONS = ("contest", "soak", "attack", "score", "added")
"""Parts that take options."""
PARTS = {
    "features": features.main,
    "batcher": batcher.main,
    "engine": engine.main,
    "lane": lane.main,
    "report": report,
    "autoscaling": replay.main,
    "catalog": evaluations.all_apps,
    "gateway": gateway.main,
    "fraud": evaluations.fraud_sets,
    "doors": doors.main,
    "demand": demand_forecast.main,
    "training": evaluations.price_files,
}


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not allowed; expected 1 or more")
    return number


def _parser() -> argparse.ArgumentParser:
    kind = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__, formatter_class=kind)
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--quick", action="store_true", help="one round of 1 s runs: about ten minutes, noisy")
    parser.add_argument("--rounds", type=int, help="default 3")
    parser.add_argument("--seconds", type=float, help="of each run, default 3")
    parser.add_argument("--no-open-loop", action="store_true", help="leave the open-loop part out")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the soak or the attack, default 10")
    parser.add_argument("--rows", type=_positive, nargs="+", default=score.ROWS, help="of the files to score")
    parser.add_argument("--models", type=_positive, default=100, help="small models in one gateway, default 100")
    names = {"--only": tuple(CONTESTANTS), "--workload": tuple(WORKLOADS)}
    for option, known in names.items():
        parser.add_argument(
            option, nargs="+", action="extend", default=[], metavar="NAME", help=f"some of {', '.join(known)}"
        )
    return parser


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    # A part that is ended stops the servers that it started, as after Ctrl-C.
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(main(sys.argv[1:]))
