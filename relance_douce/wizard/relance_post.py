"""Print and post a batch of letters."""
