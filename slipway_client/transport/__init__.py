"""Connections that keep to the deadline and grow no older than they may."""
