"""Those who answer: agents, shifts, the opening calendar, the live floor and its steering."""
