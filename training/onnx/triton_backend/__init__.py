"""The Python replacement for Triton's ONNX Runtime backend; `training/onnx/triton.py` installs it."""
