"""What serving and training of the demand app share: pure functions that import the kernel only."""
