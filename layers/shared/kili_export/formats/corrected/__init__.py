"""The same formats without the flaws of the SDK's."""
