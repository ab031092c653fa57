"""What runs the arrays: ONNX Runtime in the process, a Ray Serve replica, or Triton."""
