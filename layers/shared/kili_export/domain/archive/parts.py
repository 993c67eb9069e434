"""An archive as a sequence of pieces, and those pieces packed into the parts of an upload."""
