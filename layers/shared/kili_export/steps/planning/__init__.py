"""The first step of a run: takes the lease, chooses the work, freezes the plan."""
