"""What to ask next: POST /api/v1/recommendations."""
