"""Who is overdue today, customer by customer, for the first start and for mass actions."""
