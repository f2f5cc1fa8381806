"""Transfers that are asked for over the API."""
