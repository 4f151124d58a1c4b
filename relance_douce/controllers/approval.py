"""The page behind the button of the weekly approval mail."""
