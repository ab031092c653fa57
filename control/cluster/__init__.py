"""Run trainings on a Kubernetes cluster."""
