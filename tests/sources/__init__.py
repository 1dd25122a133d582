"""Tests of knowtrace.sources."""
