"""The schedule: compares with Kili, repairs, restarts; the status."""
