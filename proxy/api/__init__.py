"""The HTTP API and the page: one file a resource, and what all of them share."""
