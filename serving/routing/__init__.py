"""Which app and which version answers."""
