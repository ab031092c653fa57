"""An added model reaches the registry and the repository as a whole, or not at all."""
