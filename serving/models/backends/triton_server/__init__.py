"""Triton Inference Server over gRPC and shared memory."""
