"""The local stack: PostgreSQL, MLflow, Ray with Serve and Triton on loopback, supervised."""
