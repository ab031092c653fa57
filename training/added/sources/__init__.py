"""Models in other formats: recognised, converted to ONNX in a process apart, and compared with themselves."""
