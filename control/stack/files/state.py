"""The running stack and its addresses: `state.json`, written by `slipway up` and read by all other commands."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

import msgspec

from control.stack.files.layout import Layout
from serving.kernel.settings import variable
from serving.kernel.storage.private_files import write_private

__all__ = ["COLLECTIONS", "StackState", "read_state", "remove_state", "write_state"]

HOST = "127.0.0.1"
COLLECTIONS = "slipway"
"""The database that holds the records of collections."""


class StackState(msgspec.Struct, frozen=True, kw_only=True):
    """A started stack. The addresses of parts that were left out are empty."""

    stack_id: str
    """The value of `SLIPWAY_STACK_ID` in the environment of every process of the stack."""
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
    """The command that this stack was started for, and ends with; 0: it runs until `slipway down`."""
    owner_created: float = 0.0
    door: str = "native"
    """`SLIPWAY_DOOR` at the time of the start."""
    served: tuple[str, ...] = ()
    """The apps that had a version at the time of the start. The gateway is ready when each of them answers."""
    seconds: dict[str, float] = {}
    """Part -> seconds from its start until it was ready; also `total`."""

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
        """The URI of a database: libpq's, or SQLAlchemy's if a driver is given."""
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
        """host:port for `ray.init`, which also needs `environment()`."""
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
        """Whether the stack has the parts that train missing versions, and a gateway to serve them."""
        return {"mlflow", "ray", "gateway"} <= set(self.parts)

    def environment(self) -> dict[str, str]:
        """Environment variables for programs that use this stack. Set them before importing `ray`."""
        found = {
            "SLIPWAY_HOME": self.home,
            "SLIPWAY_MODEL_REPOSITORY": self.model_repository,
            "MLFLOW_TRACKING_URI": self.mlflow_uri,
            "SLIPWAY_TRITON_URL": self.triton_grpc,
            "RAY_ADDRESS": self.ray_address,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.layout.ray_token),
            # Needed on Linux too: without it Ray replaces 127.0.0.1 by the machine's outer address.
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
            "RAY_USAGE_STATS_ENABLED": "0",
            # This is going to be Ray's default; without it Ray warns at every start.
            "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
            **{variable(name): str(port) for name, port in self.ports.items()},
        }
        return {name: value for name, value in found.items() if value}

    def _at(self, part: str, setting: str) -> str:
        return f"{HOST}:{self.ports[setting]}" if part in self.parts else ""


def read_state(home: Path) -> StackState | None:
    """The stack that was started last and not stopped, or None. It may no longer be running."""
    try:
        return msgspec.json.decode(Layout.of(home).state.read_bytes(), type=StackState)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError:
        # Only a crash of the machine leaves half a file, and ends every process of that stack.
        return None


def write_state(state: StackState) -> None:
    """Replace the state file atomically."""
    path = state.layout.state
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    write_private(partial, msgspec.json.format(msgspec.json.encode(state), indent=2))
    partial.replace(path)


def remove_state(layout: Layout) -> None:
    """Remove the state file."""
    layout.state.unlink(missing_ok=True)
