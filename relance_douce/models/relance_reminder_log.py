"""Contacts that people had with a customer outside of the reminders."""
