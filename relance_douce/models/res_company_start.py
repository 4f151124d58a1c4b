"""What the first start keeps on the company."""
