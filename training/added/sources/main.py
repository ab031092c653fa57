"""The process that converts: `python -m training.added.sources.main FOLDER`. It writes a report and nothing else.

It gives up the network before it imports a library, since only a process without threads may.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from training.added.sources.isolation import limit, without_network

if TYPE_CHECKING:
    from training.added.sources.exchange import Job, Report

__all__ = ["main"]


def main(folder: Path) -> None:
    """Convert the model of the job in `folder`, and write the report."""
    isolated = without_network()
    import msgspec

    from training.added.sources.exchange import JOB, REPORT, Job

    job = msgspec.json.decode((folder / JOB).read_bytes(), type=Job)
    limit(job.memory, job.seconds)
    report = msgspec.structs.replace(_converted(job, folder), isolated=isolated)
    (folder / REPORT).write_bytes(msgspec.json.encode(report))


def _converted(job: Job, folder: Path) -> Report:
    from training.added.sources.convert import convert
    from training.added.sources.exchange import Report

    try:
        return convert(job, folder)
    except ModuleNotFoundError as cause:
        return Report(refusal=str(cause), missing=cause.name or "")
    except MemoryError:
        return Report(refusal=f"converting it takes more than {job.memory >> 20} MB of memory")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
