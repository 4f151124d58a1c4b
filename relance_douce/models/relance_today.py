"""The list of the day: everything that waits for a person, in groups."""
