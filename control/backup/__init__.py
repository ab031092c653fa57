"""Keeping what the local stack knows elsewhere, and bringing it back."""
