"""The object store, and ways to hold data that memory does not."""
