"""The two linters, of Kubernetes manifests and of Triton's model configurations, and what they share."""
