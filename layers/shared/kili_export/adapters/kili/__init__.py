"""The client of Kili: its GraphQL API, its storage of contents, its webhooks."""
