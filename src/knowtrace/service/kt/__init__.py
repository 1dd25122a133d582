"""The mastery vector: GET /api/kt/mastery."""
