"""Statements in: /xapi/statements."""
