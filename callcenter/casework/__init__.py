"""The citizen's matter: cases and their way."""
