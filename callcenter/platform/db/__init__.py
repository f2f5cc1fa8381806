"""Engine, sessions and the base of all tables."""
