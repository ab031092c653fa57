"""What it costs to serve models that were added from a file."""
