"""Students: the list of them, their answers, their timeline, and a stream of what happens next."""
