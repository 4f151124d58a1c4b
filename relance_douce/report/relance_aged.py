"""The aged balance as of any date."""
