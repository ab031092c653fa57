"""Dynamic batching across requests."""
