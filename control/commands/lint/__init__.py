"""Commands that check files without a cluster or a server."""
