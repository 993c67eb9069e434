"""The stand-in's GraphQL API."""
