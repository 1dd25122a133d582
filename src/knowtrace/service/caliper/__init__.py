"""Events in: /caliper."""
