"""Pure functions that serving and training of the struggle app share. They import only the kernel."""
