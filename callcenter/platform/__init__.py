"""What every context stands on: settings, clock, errors, database, HTTP. Knows no trade."""
