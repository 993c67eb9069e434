"""Archives of every kind that this project writes, each with the files that it must hold."""
