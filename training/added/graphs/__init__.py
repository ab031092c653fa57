"""ONNX files: read without running them, given a row axis, and run."""
