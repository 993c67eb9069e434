"""What an export remembers of each asset, and who owns a contested path."""
