"""The weekly mail by which an owner approves reminders."""
