"""Metrics and logs, collected outside of the request's path."""
