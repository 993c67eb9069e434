"""Kili: its GraphQL API as the features need it."""
