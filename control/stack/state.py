"""What runs and where: `state.json`, written by `slipway up`, read by every other command."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

import msgspec

from control.stack.layout import Layout
from serving.kernel.settings import variable

__all__ = ["COLLECTIONS", "StackState", "read_state", "remove_state", "write_state"]

HOST = "127.0.0.1"
COLLECTIONS = "slipway"
"""The database with the records of collections."""


class StackState(msgspec.Struct, frozen=True, kw_only=True):
    """One started stack. Addresses are empty for parts that were left out."""

    stack_id: str
    """In the environment of every process of the stack as `SLIPWAY_STACK_ID`."""
    home: str
    run: str
    """The short folder with the sockets."""
    model_repository: str
    parts: tuple[str, ...]
    ports: dict[str, int]
    """Setting -> the port that was chosen."""
    started: float
    supervisor_pid: int = 0
    owner_pid: int = 0
    """The command that this stack lives for; 0: it lives until `slipway down`."""
    owner_created: float = 0.0
    door: str = "native"
    """`SLIPWAY_DOOR` when it was started."""
    served: tuple[str, ...] = ()
    """Apps that had a version when it was started; the gateway is ready when each of them answers."""
    seconds: dict[str, float] = {}
    """Part -> seconds from its start until it was ready; `total` beside them."""

    @property
    def layout(self) -> Layout:
        """Paths of the home folder."""
        return Layout(Path(self.home))

    @property
    def run_folder(self) -> Path:
        """The short folder with the sockets."""
        return Path(self.run)

    @property
    def supervisor_socket(self) -> str:
        """Where supervisord listens."""
        return f"{self.run}/supervisor.sock"

    @property
    def ray_folder(self) -> Path:
        """Ray's temporary folder."""
        return self.run_folder / "ray"

    @property
    def postgres_socket(self) -> Path:
        """The folder with PostgreSQL's socket."""
        return self.run_folder / "pg"

    def dsn(self, database: str, driver: str = "") -> str:
        """How to reach a database: a libpq URI, or SQLAlchemy's when a driver is named."""
        if "postgres" not in self.parts:
            return ""
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        return f"{scheme}://postgres@/{database}?host={quote(str(self.postgres_socket))}"

    @property
    def mlflow_uri(self) -> str:
        """The tracking and registry URI."""
        return f"http://{self._at('mlflow', 'mlflow_port')}" if "mlflow" in self.parts else ""

    @property
    def ray_address(self) -> str:
        """host:port for `ray.init`; it wants `environment()` too."""
        return self._at("ray", "ray_port")

    @property
    def triton_http(self) -> str:
        """host:port of Triton's HTTP door."""
        return self._at("triton", "triton_http_port")

    @property
    def triton_grpc(self) -> str:
        """host:port of Triton's gRPC door."""
        return self._at("triton", "triton_grpc_port")

    @property
    def triton_metrics(self) -> str:
        """host:port of Triton's metrics."""
        return self._at("triton", "triton_metrics_port")

    @property
    def http(self) -> str:
        """host:port of the HTTP door."""
        return self._at("gateway", "http_port")

    @property
    def grpc(self) -> str:
        """host:port of the gRPC door."""
        return self._at("gateway", "grpc_port")

    @property
    def can_train(self) -> bool:
        """Whether it has what training missing versions needs, and a gateway to serve them."""
        return {"mlflow", "ray", "gateway"} <= set(self.parts)

    def environment(self) -> dict[str, str]:
        """Variables by which other programs find this stack; set them before `ray` is imported."""
        found = {
            "SLIPWAY_HOME": self.home,
            "SLIPWAY_MODEL_REPOSITORY": self.model_repository,
            "MLFLOW_TRACKING_URI": self.mlflow_uri,
            "SLIPWAY_TRITON_URL": self.triton_grpc,
            "RAY_ADDRESS": self.ray_address,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.layout.ray_token),
            # On Linux too: without it Ray takes 127.0.0.1 for the machine's outer address.
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
            "RAY_USAGE_STATS_ENABLED": "0",
            # Ray's coming default; without it every start warns.
            "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
            **{variable(name): str(port) for name, port in self.ports.items()},
        }
        return {name: value for name, value in found.items() if value}

    def _at(self, part: str, setting: str) -> str:
        return f"{HOST}:{self.ports[setting]}" if part in self.parts else ""


def read_state(home: Path) -> StackState | None:
    """What was started last and not stopped; None if nothing. Whether it still runs is another question."""
    try:
        return msgspec.json.decode(Layout.of(home).state.read_bytes(), type=StackState)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError:
        # Only a crash of the machine can leave half a file; nothing of that stack runs any more.
        return None


def write_state(state: StackState) -> None:
    """Replace the state file; readers see the old or the new one."""
    path = state.layout.state
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(state), indent=2))
    partial.replace(path)


def remove_state(layout: Layout) -> None:
    """Forget what was started."""
    layout.state.unlink(missing_ok=True)
