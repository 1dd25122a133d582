"""Views for reporting tools over the tables of the lake: stable names, small cells withheld."""

from knowtrace.lake.views.activity_views import ACTIVITY_VIEWS
from knowtrace.lake.views.item_views import ITEM_VIEWS
from knowtrace.lake.views.quality_views import QUALITY_VIEWS
from knowtrace.lake.views.skill_views import SKILL_VIEWS
from knowtrace.lake.views.view import View, ViewColumn

VIEWS: tuple[View, ...] = (*ACTIVITY_VIEWS, *SKILL_VIEWS, *ITEM_VIEWS, *QUALITY_VIEWS)
"""In the order they are made: a view stands after the one that holds it."""

MINIMUM = 5
"""Fewer distinct students than this are never shown."""

__all__ = ["MINIMUM", "VIEWS", "View", "ViewColumn"]
