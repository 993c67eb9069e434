"""Which asset owns a path, for increments and for full exports."""
