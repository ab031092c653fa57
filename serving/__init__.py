"""The data plane: everything on a request's path. See README.md in this folder for the order of its steps."""

import os

# ONNX Runtime's Linux wheels send models' names and hashes to their maker unless this is set before the import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
