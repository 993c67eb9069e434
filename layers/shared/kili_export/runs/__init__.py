"""The documents that the steps of a run pass to each other, and the lease."""
