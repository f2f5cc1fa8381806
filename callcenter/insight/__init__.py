"""What is reported, compared and watched: reports, audit, health."""
