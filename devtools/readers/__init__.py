"""Foreign readers of ZIP archives, and whether each finds every file of ours as it is."""
