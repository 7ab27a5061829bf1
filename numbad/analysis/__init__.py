"""Facts about IR programs, returned as values beside them: regions, memory, activity, cuts."""
