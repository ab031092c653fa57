"""Training of the struggle app. Never imported while serving."""
