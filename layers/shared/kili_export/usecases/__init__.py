"""What the system does, one verb per module, against the ports alone."""
