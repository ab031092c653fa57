"""Pure functions that serving and training of the matching app share. They import only the kernel."""
