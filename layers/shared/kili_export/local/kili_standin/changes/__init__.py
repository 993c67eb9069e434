"""Changes to a project, as people make them in Kili."""
