"""Dynamic batching: requests of many callers share one run of the model."""
