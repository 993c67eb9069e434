"""A page that shows one export: what it is, its history, its pictures with their labels."""
