"""gRPC: the Open Inference Protocol service."""
