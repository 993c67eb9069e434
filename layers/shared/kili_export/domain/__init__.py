"""What an export is, with no input or output: formats, archives, decisions, errors."""
