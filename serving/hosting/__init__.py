"""The gateway process: the composition root, its listeners, and its place on Ray Serve."""
