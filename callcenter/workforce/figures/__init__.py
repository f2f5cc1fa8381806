"""A day's figures as screens and reports show them, and what they are measured by."""
