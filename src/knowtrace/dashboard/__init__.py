"""The pages people look at: all students, and one student in full. They move as answers arrive."""

from knowtrace.dashboard.pages import add_pages

__all__ = ["add_pages"]
