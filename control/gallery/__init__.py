"""One HTML page about all apps: figures and plots of their champions, and their model cards."""
