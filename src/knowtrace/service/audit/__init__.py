"""What was done, by whom: GET /api/v1/audit."""
