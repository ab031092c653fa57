"""Training of the demand app. Never imported while serving."""
