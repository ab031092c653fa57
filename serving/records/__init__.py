"""Databases that complete short questions: lookups in existing tables, and collections of records."""
