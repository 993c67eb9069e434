"""What changed: by events as they come, by comparison with Kili."""
