"""Everything about one payer, in the order in which it happened."""
