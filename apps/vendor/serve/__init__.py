"""Pure functions that serving and training of the vendor app share. They import only the kernel."""
