"""Which models there are, and which part each plays: GET /api/v1/models and what hangs below it."""
