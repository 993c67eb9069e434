"""The report of content that a format cannot hold."""
