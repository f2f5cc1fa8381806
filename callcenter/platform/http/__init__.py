"""What all endpoints share: the one shape of errors and pages, and the outermost middleware."""
