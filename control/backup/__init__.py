"""Back up the data of the local stack, and restore it."""
