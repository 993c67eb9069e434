"""Runs the state machine of `statemachine/` on one machine, field for field as it is deployed.

The subset of the Amazon States Language that the state machine uses is implemented; everything
else is refused when the definition is loaded, so that nothing is ever silently ignored.
"""
