"""The ZIP engine: makes a new archive out of an old one."""
