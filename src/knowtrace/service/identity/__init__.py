"""Who asks, and what they may: credentials, roles, guards, limits."""
