"""Counting, logging and health, off the request's path."""
