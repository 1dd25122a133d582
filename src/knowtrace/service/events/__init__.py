"""Answers in: POST /api/v1/events."""
