"""How many broken manifests `slipway manifests lint` catches: good ones, and what breaks them one by one."""
