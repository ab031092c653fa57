"""Training of the fraud app. Never imported while serving."""
