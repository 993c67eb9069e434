"""Records what the commands show a new user: `make transcript`."""
