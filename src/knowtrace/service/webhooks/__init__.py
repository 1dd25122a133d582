"""Where messages go: /api/v1/webhooks."""
