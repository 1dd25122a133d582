"""Many predictions at once: answered in the same call, or as a job that is worked on later."""
