"""Training of the vendor app. Never imported while serving."""
