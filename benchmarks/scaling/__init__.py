"""The chart's scaling policies replayed on traffic traces."""
