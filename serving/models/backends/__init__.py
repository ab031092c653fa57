"""What runs a model: ONNX Runtime in the process, a Ray Serve replica, or Triton."""
