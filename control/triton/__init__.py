"""Keep a running Triton current: load the versions that aliases name, for the machine that it runs on."""
