"""What is wrong, or not ready for production, with the settings and the machine."""
