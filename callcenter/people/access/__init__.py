"""Who asks, what they may do, and answers that end with what allowed them."""
