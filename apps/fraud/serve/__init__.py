"""What serving and training of the fraud app share: pure functions that import the kernel only."""
