"""What every layer speaks: apps, calls, backends, tensors, errors and settings."""
