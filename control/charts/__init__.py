"""What is made from the apps and the chart: generated values, the chart's README, the kustomize base."""
