"""Pure functions that serving and training of the quality app share. They import only the kernel."""
