"""An increment: the changes of a few assets."""
