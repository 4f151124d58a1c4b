"""Log a contact in three clicks."""
