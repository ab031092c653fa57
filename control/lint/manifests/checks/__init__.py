"""Our own rules: mistakes that no schema finds and that the API server does not report in time."""
