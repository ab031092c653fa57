"""The model repository: the one reader of version folders, manifests and aliases."""
