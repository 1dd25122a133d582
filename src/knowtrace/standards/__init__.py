"""What values, statements and events of the standards mean: pure, and the same for files and for requests."""
