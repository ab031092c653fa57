"""`slipway manifests lint`: what a cluster would refuse, ignore or regret, found before it is applied."""
