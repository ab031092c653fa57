"""What serving and training of the vendor app share: pure functions that import the kernel only."""
