"""What the operators of custom resources refuse beyond the definitions: KubeRay, KServe and Prometheus."""
