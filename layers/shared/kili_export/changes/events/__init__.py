"""From a webhook call to a pending change, and to a run that takes it."""
