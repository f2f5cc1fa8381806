"""Who asks, what they may do and see, and what is noted of it."""
