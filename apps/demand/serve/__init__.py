"""Pure functions that serving and training of the demand app share. They import only the kernel."""
