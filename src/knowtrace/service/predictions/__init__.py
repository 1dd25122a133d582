"""How a student would answer: POST /api/v1/predict."""
