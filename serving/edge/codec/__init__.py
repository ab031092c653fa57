"""Wire forms to arrays and typed records, and back."""
