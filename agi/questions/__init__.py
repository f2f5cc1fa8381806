"""The dialplan's questions, one module each: fetch the facts, let `domain.routing` decide, tell.

Values told to Asterisk come from settings and fixed words only, never from the caller: the
dialplan evaluates them.
"""
