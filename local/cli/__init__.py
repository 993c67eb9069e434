"""The command line: `kili-export`."""
