"""Parts of the serving path, each measured on its own."""
