"""What was done before the first start: mass actions on overdue customers."""
