"""Databases that complete questions: lookups in existing tables, and collections that apps keep."""
