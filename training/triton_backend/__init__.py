"""The Python stand-in for Triton's ONNX Runtime backend; `training/triton.py` installs it."""
