"""The doors: HTTP and gRPC. They hold no logic; every door calls the data plane."""
