"""The files that are generated from the apps and the chart: `apps.yaml`, the chart's README and `k8s/`."""
