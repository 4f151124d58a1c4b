"""One sentence for whoever visits the customer."""
