"""A report as of another date."""
