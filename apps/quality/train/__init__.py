"""Training of the quality app. Never imported while serving."""
