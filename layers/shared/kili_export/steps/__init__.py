"""The four steps of a run: planning, conversion, publishing, completion."""
