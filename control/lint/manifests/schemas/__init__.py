"""Checks of values with the schemas and parsers of Kubernetes, its operators, Ray and Prometheus."""
