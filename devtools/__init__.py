"""What proves the project: benches, parity, faults, load, builds. Never in a wheel."""
