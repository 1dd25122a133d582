"""Messages out: from the outbox to webhooks and to a Redis stream."""
