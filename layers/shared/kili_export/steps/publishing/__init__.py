"""The third step of a run: publishes one export."""
