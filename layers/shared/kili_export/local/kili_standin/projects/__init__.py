"""Projects that the stand-in can begin with."""
