"""SIP phones in software: for the demo, the live tests and the benchmark; never in production."""
