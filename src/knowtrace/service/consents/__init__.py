"""What a student's answers may be used for: /api/v1/students/{student_id}/consent."""
