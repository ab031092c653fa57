"""What serving and training of the struggle app share: pure functions that import the kernel only."""
