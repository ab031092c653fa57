"""Buyers' requirements against sellers' availabilities."""
