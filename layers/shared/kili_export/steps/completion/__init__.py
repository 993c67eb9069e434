"""The last step of a run: clears changes, announces, releases the lease."""
