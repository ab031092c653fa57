"""Kubernetes objects: how to read one, and what the objects of one bundle mean to each other."""
