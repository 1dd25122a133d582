"""Erasing a student, with a receipt: DELETE /api/v1/students/{student_id}."""
