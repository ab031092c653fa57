"""What the API server refuses in built-in kinds although their schemas allow it, in the server's own words."""
