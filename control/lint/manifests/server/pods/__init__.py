"""The rules of the API server for the pods of every kind that has a pod template."""
