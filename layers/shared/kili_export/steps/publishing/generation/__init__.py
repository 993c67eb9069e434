"""One generation: archive, delta, ledger and manifest, and its commit."""
