"""What the letters about payment plans show."""
