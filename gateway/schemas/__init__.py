"""What the API is, for machines: OpenAPI and AsyncAPI."""
