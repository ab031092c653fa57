"""One folder per app and nothing else to touch."""
