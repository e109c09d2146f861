"""Named things, built when first asked for."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..errors import Refused


class UnknownNameError(KeyError, Refused):
    """The name is not in the registry; the message lists those that are."""

    def __str__(self) -> str:
        return self.args[0]


class Registry(Mapping):
    """A mapping from names to objects, each made by its builder at the first access.

    Proving that a divergence is convex takes time; importing a list of names should not. `also`
    maps other names that people know to these; they are found, and not listed.
    """

    def __init__(self, kind: str, builders: dict[str, Callable], also: dict[str, str]):
        self._kind, self._builders, self._also, self._built = kind, builders, also, {}

    def __getitem__(self, name: str) -> Any:
        name = self._also.get(name, name)
        if name not in self._builders:
            raise UnknownNameError(
                f"unknown {self._kind} {name!r}; it must be one of {', '.join(self._builders)}"
            )
        if name not in self._built:
            self._built[name] = self._builders[name]()
        return self._built[name]

    def __contains__(self, name: object) -> bool:
        return name in self._builders or name in self._also

    def __iter__(self) -> Iterator[str]:
        return iter(self._builders)

    def __len__(self) -> int:
        return len(self._builders)

    def __repr__(self) -> str:
        return f"<{len(self)} {self._kind}s: {', '.join(self)}>"
