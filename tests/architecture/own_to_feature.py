"""A contract for import-linter: some file roles of a feature are the feature's own.

import-linter's `protected` can say this of one feature at a time, so each new feature would need
a contract of its own. This one is said once, of all features.
"""

from __future__ import annotations

from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output
from importlinter.domain.helpers import module_expressions_to_modules


class OwnToFeature(Contract):
    """No module of another package imports the modules `roles` of any of `features`.

    `features` are module expressions, `roles` names of modules in them; `allowed_importers` may
    import them all the same.
    """

    type_name = "own_to_feature"

    # What stands here are parsers; an instance has what they made of the configuration.
    features: Any = fields.SetField(subfield=fields.ModuleExpressionField())
    roles: Any = fields.ListField(subfield=fields.StringField())
    allowed_importers: Any = fields.SetField(
        subfield=fields.ModuleExpressionField(), required=False
    )

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Every import of such a module from outside of its feature breaks the contract."""
        allowed = {
            module.name
            for module in module_expressions_to_modules(graph, self.allowed_importers or ())
        }
        broken: list[tuple[str, str]] = []
        for feature in module_expressions_to_modules(graph, self.features):
            for role in self.roles:
                own = f"{feature.name}.{role}"
                if own not in graph.modules:
                    continue
                broken += [
                    (importer, own)
                    for importer in graph.find_modules_that_directly_import(own)
                    if not importer.startswith(f"{feature.name}.") and importer not in allowed
                ]
        return ContractCheck(kept=not broken, metadata={"broken": sorted(broken)})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Each import that is not allowed, a line."""
        for importer, own in check.metadata["broken"]:
            output.print_error(f"{importer} imports {own}; ask the feature's service.")
