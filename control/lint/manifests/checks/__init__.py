"""Rules of our own: what neither the schemas nor the API server say in time."""
