"""The one reader of the model repository, and the interface to the databases that complete questions."""
