"""Read Kubernetes objects, and find the objects of a bundle that belong together."""
