"""Fitted models as ONNX graphs, and the proof that they answer alike."""
