"""The first start: a checklist that disappears when it is done."""
