"""The Python stand-in for Triton's ONNX Runtime backend; `training/onnx/triton.py` installs it."""
