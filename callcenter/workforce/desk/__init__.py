"""What an agent's own screen is told: his state, and his call."""
