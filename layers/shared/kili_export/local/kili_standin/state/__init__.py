"""What the stand-in remembers: assets, labels, webhooks, faults."""
