"""Pure functions that serving and training of the price app share. They import only the kernel."""
