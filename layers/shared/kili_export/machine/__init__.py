"""State, secrets and announcements of one machine, in files: what AWS's services keep elsewhere."""
