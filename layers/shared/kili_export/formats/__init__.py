"""The formats of datasets: one folder each, and one line in the registry."""
