"""Calls and what carries them: the PBX, the ledger, audio, queues, seats."""
