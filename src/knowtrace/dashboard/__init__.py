"""The pages people look at: every student, and one student in full. Server-rendered, live, no external requests."""

from knowtrace.dashboard.pages import add_pages

__all__ = ["add_pages"]
