"""Custom resources against their definitions, in the API server's order and as strictly."""
