"""Everything that is kept of a student: GET /api/v1/students/{student_id}/export."""
