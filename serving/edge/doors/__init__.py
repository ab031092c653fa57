"""What each HTTP path does: KServe v1, Open Inference Protocol v2, collections, operations."""
