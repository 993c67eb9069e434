"""JSON lines, for databases and data frames."""
