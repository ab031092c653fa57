"""From a registered version to the model repository, and copies of it."""
