"""HTTP: the hot lane for inference requests and the ASGI application for everything else."""
