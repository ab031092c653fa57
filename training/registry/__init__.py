"""The only user of MLflow."""
