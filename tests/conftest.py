"""Fixtures for all tests."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from tests.costs import Costs, recorded, scope_of
from tests.postgres import Postgres
from tests.rays import Rays
from tests.store import SECRET, Store
from tests.warm_python import WarmPython, warm_words
from training.fit.ray_session import set_token

if TYPE_CHECKING:
    from tests.trained import Trained
    from training.registry.mlflow_registry import Registry

ROOT = Path(__file__).resolve().parent.parent
UNKNOWN = 20
"""Seconds that slow tests are taken for which nobody has measured yet."""

# Examples are not timed: the machine may have other things to do.
settings.register_profile("slipway", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("slipway")

# Imports and collection make what stays: the collector would visit it again and again, and free nothing.
gc.disable()

# Fits in a test's own process import Ray without starting it.
set_token()


def pytest_configure(config: pytest.Config) -> None:
    """What there is once in a run: the process that prints has it, and the workers of xdist ask that for it."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Costs(), "costs")
        config.pluginmanager.register(WarmPython(), "warm_python")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Side by side, but what shares a costly fixture in one worker, and so each file."""
    return ByCost(config, log)


class ByCost(LoadScopeScheduling):  # type: ignore[misc]
    """Deals out whole files, and the shared folders whole, in the order of collection."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What costs most comes first, so that the quick ones fill the gaps at the end."""
    slow = {scope_of(item.nodeid) for item in items if item.get_closest_marker("slow")}
    costs = {**dict.fromkeys(slow, UNKNOWN), **recorded()}
    items.sort(key=lambda item: -costs.get(scope_of(item.nodeid), 0))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """From here on there is garbage to collect; what was imported and collected before need not be visited."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return ROOT


def _folder(variable: str, what: str) -> Path:
    folder = os.environ.get(variable)
    if not folder or not Path(folder).is_dir():
        pytest.skip(f"{variable} is not set to a folder of {what}")
    return Path(folder)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets; tests that need it are skipped without it."""
    return _folder("SLIPWAY_DATA", "real data sets")


@pytest.fixture(scope="session")
def schemas() -> Path:
    """The folder of definitions (CRDs), which are not ours to ship; tests that need it are skipped without it."""
    return _folder("SLIPWAY_SCHEMAS", "definitions (CRDs)")


@pytest.fixture(autouse=True)
def _logs() -> Iterator[None]:
    """A server that a test runs in this process sets up logging; the next test finds it as it was."""
    log = logging.getLogger("serving")
    before = (log.handlers[:], log.level, log.propagate)
    yield
    log.handlers, log.level, log.propagate = before


@pytest.fixture
def unused_port() -> int:
    """A loopback port that nobody listens on."""
    from control.stack.ports import free

    return free(set())


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL for the session. Not below `tmp_path`: as root it is another user, who may not go there."""
    with tempfile.TemporaryDirectory(prefix="slipway-pg-") as folder:
        Path(folder).chmod(0o711)
        server = Postgres(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def warm_python(request: pytest.FixtureRequest) -> list[str]:
    """Words for a command line instead of `python`: one that has imported the libraries already."""
    return warm_words(request.config)


@pytest.fixture(scope="session")
def rays(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rays]:
    """The Ray of this process; it starts when it is opened."""
    kept = Rays(tmp_path_factory.mktemp("ray"))
    yield kept
    kept.close()


@pytest.fixture(scope="module")
def ray(rays: Rays) -> None:
    """This process is connected to a private Ray, which the next module has too."""
    rays.open()


@pytest.fixture(scope="session")
def trained(shared_folder: Path, empty_database: Path) -> Trained:
    """Versions of the apps, trained on synthetic data when they are first asked for, once for all workers."""
    # One quick test need not wait until the pipeline is imported.
    from tests.trained import Trained

    return Trained(shared_folder / "trained", empty_database)


@pytest.fixture(scope="session")
def shared_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this run have."""
    run = tmp_path_factory.getbasetemp()
    # Not asked of the environment: a run of its own that a worker's test starts would share what every run shares.
    return run.parent if hasattr(request.config, "workerinput") else run


@pytest.fixture(scope="session")
def empty_database(shared_folder: Path) -> Path:
    """An MLflow database with its tables made, to copy: making them takes seconds."""
    from training.registry.mlflow_registry import Registry

    path = shared_folder / "mlflow.db"
    with FileLock(path.with_suffix(".lock")):
        if not path.exists():
            partial = path.with_suffix(".partial")
            Registry(f"sqlite:///{partial}").ping()
            partial.replace(path)
    return path


@pytest.fixture
def registry(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A registry in a file of its own, artifacts beside it."""
    from training.registry.mlflow_registry import Registry

    shutil.copy(empty_database, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    return Registry(f"sqlite:///{tmp_path}/mlflow.db")


@pytest.fixture(scope="session")
def store_server() -> Iterator[Store]:
    """A real S3-compatible server."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield Store(f"http://{host}:{port}")
    server.stop()


@pytest.fixture
def store(store_server: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The server without buckets, and an environment that leads to it."""
    store_server.reset()
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", store_server.url)
    return store_server
