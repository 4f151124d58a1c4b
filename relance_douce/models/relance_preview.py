"""What a run on a chosen date would do: totals and lines, nothing written."""
