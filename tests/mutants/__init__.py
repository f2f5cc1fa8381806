"""Do the tests notice a changed line? mutmut over the domain of each context (docs/mutants.md).

It is no test itself and not in `make test`: it takes as long as it takes.
"""
