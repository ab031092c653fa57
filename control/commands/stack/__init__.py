"""Commands about the local stack: start, stop, look at it, keep and restore what it knows."""
