"""A quick start: dnspython is spared the question which optional packages there are.

For that question, asked when it is imported, it imports importlib.metadata and with it the standard library's e-mail:
a fifth of the CPU time of a whole run. All that it wants to know then is whether names may be encoded as IDNA 2008
says, and ours are ASCII. Whoever asks something else gets dnspython's own answer.
"""

import sys
from importlib import import_module
from types import ModuleType

FEATURES = "dns._features"
"""The module that is stood in for. It is dnspython's own affair: where there is none, nobody asks the stand-in."""


class _Features(ModuleType):
    @staticmethod
    def have(feature: str) -> bool:
        """Tell whether an optional feature of dnspython is there."""
        return feature != "idna" and bool(_real().have(feature))

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(_real(), name)


def start() -> None:
    """Stand in for the module, unless dnspython has it already."""
    if FEATURES not in sys.modules:
        package, _, name = FEATURES.partition(".")
        sys.modules[FEATURES] = _Features(FEATURES)
        setattr(import_module(package), name, sys.modules[FEATURES])


def _real() -> ModuleType:
    """Import the true module, which takes the place of the stand-in."""
    if isinstance(sys.modules.get(FEATURES), _Features):
        del sys.modules[FEATURES]
    return import_module(FEATURES)
