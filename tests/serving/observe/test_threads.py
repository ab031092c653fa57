from __future__ import annotations

import threading
from pathlib import Path

from serving.observe.threads import name_thread


def test_a_thread_shows_its_name() -> None:
    seen: list[str] = []

    def work() -> None:
        name_thread("slipway-test")
        seen.append(Path(f"/proc/self/task/{threading.get_native_id()}/comm").read_text())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == ["slipway-test\n"]
