"""Work that is handed to a Kubernetes cluster."""
