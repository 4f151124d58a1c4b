"""The same by CSV, with a report of what did not fit."""
