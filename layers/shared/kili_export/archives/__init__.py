"""The stored archive of one export: manifest, deltas, readers, compaction."""
