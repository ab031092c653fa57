"""The rules of the API server for each built-in kind."""
