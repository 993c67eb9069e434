"""A full export, in bounded memory."""
