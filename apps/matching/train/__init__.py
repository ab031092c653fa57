"""Training of the matching app. Never imported while serving."""
