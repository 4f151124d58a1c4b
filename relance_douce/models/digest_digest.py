"""Reminders in Odoo's own digest."""
