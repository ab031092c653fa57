"""What Kubernetes, its operators, Ray and Prometheus accept, by their own schemas and parsers."""
