"""The stand-in's HTTP server, its files and its controls."""
