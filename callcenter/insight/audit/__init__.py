"""Compares the ledger with what others say of the same calls."""
