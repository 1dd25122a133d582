"""The Open Inference Protocol under /v2, and the one computation behind every inference contract."""
