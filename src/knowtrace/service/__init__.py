"""The HTTP service: one folder per resource, the same file names in each."""
