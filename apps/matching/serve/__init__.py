"""What serving and training of the matching app share: pure functions that import the kernel only."""
