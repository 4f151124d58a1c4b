"""Letters in envelope order, their numbers and the day they were posted."""
