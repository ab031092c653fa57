"""What serving and training of the quality app share: pure functions that import the kernel only."""
