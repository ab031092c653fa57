"""What serving and training of the price app share: pure functions that import the kernel only."""
