"""The data plane: everything on a request's path. See README.md in this folder for the order of its steps."""

import os

# ONNX Runtime's Linux wheels report models' names and hashes to their maker unless told otherwise before import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
