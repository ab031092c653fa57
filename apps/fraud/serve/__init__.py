"""Pure functions that serving and training of the fraud app share. They import only the kernel."""
