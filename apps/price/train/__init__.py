"""Training of the price app. Never imported while serving."""
