"""What is remembered of a student, let go: DELETE /api/v1/cache/user/{user_id}."""
