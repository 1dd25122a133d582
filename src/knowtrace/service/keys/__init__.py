"""API keys over HTTP: /api/v1/keys."""
