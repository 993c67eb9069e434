"""Puts clients and use cases together: the only place that knows which adapter is used."""
