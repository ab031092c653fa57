"""Commands about the local stack: start, stop and inspect it, back up and restore its data."""
