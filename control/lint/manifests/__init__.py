"""`slipway manifests lint`: check Kubernetes manifests without a cluster, before they are applied."""
