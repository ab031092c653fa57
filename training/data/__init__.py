"""From files to a validated, split table."""
