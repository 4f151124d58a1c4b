"""A house with real processes that can be killed: what tests/test_crash.py is made of."""
