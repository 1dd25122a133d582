"""What a student knows, by skill: GET /api/v1/mastery/{student_id}."""
