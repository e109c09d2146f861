"""Where the two sides of a verdict's row come from, as far as the code of a notebook shows it.

`findings(code)` lists the rows that compare a thing with itself: where the measured side is a
constant, the same expression as the prediction or made from it, the outcome of a proof, or a run of
the `Game` from which the prediction is derived.
"""

import ast
import builtins
from dataclasses import dataclass

ROWS = {"near", "at_most", "at_least", "equal"}
ENGINE = {"update", "simulate", "iterate", "spectral_radius", "jacobian", "eigenvalues"}
PASSED_ON = {"float", "int", "bool", "round", "str", "Measured"}  # f(x) is x
PASSED_ON_BY = {"item", "detach", "evalf"}  # x.f() is x
PURE = {"math", "itertools", "functools", "types", "urllib", "copy", "collections"}
CONSTANTS = {
    "pi",
    "e",
    "E",
    "inf",
    "oo",
    "nan",
    "log",
    "exp",
    "sqrt",
    "sin",
    "cos",
    "tanh",
    "Rational",
}
LOOP = "a loop"


@dataclass(frozen=True)
class Finding:
    """A row that says nothing: the line of its call, what it is about, and why."""

    line: int
    quantity: str
    why: str


def findings(code: str) -> list[Finding]:
    """The rows of a notebook's code that compare a thing with itself.

    Raises ValueError where the sides of a row cannot be found.
    """
    notebook = Notebook(code)
    found = []
    for now, call in notebook.rows:
        quantity, *sides = notebook.arguments(now, call)
        if why := notebook.alike(now, *sides):
            found.append(Finding(call.lineno, ast.unparse(quantity), why))
    return found


@dataclass(frozen=True)
class Source:
    """What an expression is made of, through the names in it.

    Two expressions of the same form are the same, and `parts` are the forms that occur in one.
    `attributes` are the names after a dot, and `work` is what computes: modules, but for a few of
    Python's own and for what is a constant of constants, and loops that run something up.
    """

    form: str
    parts: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    work: frozenset[str] = frozenset()

    @classmethod
    def made(cls, form, *sources, attributes=(), work=()):
        """The source of what is made of others."""
        if len(form) > 200:
            form = f"{form[:100]}…{hash(form)}"
        return cls(
            form,
            frozenset({form}).union(*(source.parts for source in sources)),
            frozenset(attributes).union(*(source.attributes for source in sources)),
            frozenset(work).union(*(source.work for source in sources)),
        )


class Notebook:
    """What each name of a notebook is bound to, statement by statement, and its verdicts' rows."""

    def __init__(self, code: str):
        self.rows: list[tuple[int, ast.Call]] = []  # the statement, the call
        self._bound: dict[str, list[tuple[int, object]]] = {}  # name → (statement, expression)
        self._outside: set[str] = set()  # names that functions add to when they are called
        self._sources: dict[tuple[int, int], Source] = {}
        self._statements = 0
        self._read(ast.parse(code).body)

    def alike(self, now, predicted, measured) -> str:
        """Why the two sides of a row in statement `now` are one thing, or an empty string."""
        left, right = (self._source(side, now) for side in (predicted, measured))
        if right.work <= PURE:
            return "what is measured is a constant"
        if left.form == right.form:
            return "both sides are the same"
        if not left.work <= PURE | {"sympy"} and left.form in right.parts:
            return "what is measured is made from the prediction"
        if self._is_outcome(measured, now):
            return "it is a proof, and no measurement"
        if left.attributes & ENGINE and right.attributes & ENGINE:
            return "both sides come from a Game"
        return ""

    def arguments(self, now, call):
        """Quantity, prediction and measured side of a row.

        Raises ValueError where they cannot be told apart.
        """
        found = []
        for argument in call.args:
            if isinstance(argument, ast.Starred) and isinstance(argument.value, ast.Name):
                _, argument = self._latest(argument.value.id, now)
            found += argument.elts if isinstance(argument, ast.Tuple) else [argument]
        if len(found) < 3 or not all(isinstance(part, ast.expr) for part in found[:3]):
            raise ValueError(f"line {call.lineno}: the sides of {ast.unparse(call)} are hidden")
        return found[:3]

    # Which name is bound to what

    def _read(self, statements):
        for statement in statements:
            self._statements += 1
            now = self._statements
            own = [part for part in ast.iter_child_nodes(statement) if isinstance(part, ast.expr)]
            for node in (node for part in own for node in ast.walk(part)):
                if isinstance(node, ast.NamedExpr):
                    self._bind(node.target, node.value, now - 1)
                if isinstance(node, ast.Call) and _is_row(node):
                    self.rows.append((now, node))
            self._note(statement, now)
            if isinstance(statement, ast.FunctionDef | ast.ClassDef):
                self._outside |= _grown_outside(statement)
                continue
            for name in ("body", "handlers", "orelse", "finalbody"):
                for part in getattr(statement, name, ()):
                    self._read(part.body if isinstance(part, ast.ExceptHandler) else [part])

    def _note(self, statement, now):
        match statement:
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                for alias in names:
                    module = getattr(statement, "module", None) or alias.name
                    self._add(alias.asname or alias.name, now, module.partition(".")[0])
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                self._add(name, now, statement)
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    self._bind(target, value, now)
            case ast.AugAssign(target=target, value=value):
                self._grow(target, value, now)
            case ast.For(target=target, iter=value):
                self._bind_each(target, value, now)
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=owner)) as call):
                self._grow(owner, call, now)  # as `rows.append(x)`

    def _add(self, name, now, value):
        self._bound.setdefault(name, []).append((now, value))

    def _bind(self, target, value, now):
        match target:
            case ast.Name(id=name):
                self._add(name, now, value)
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                values = _apart(value, len(targets))
                if any(isinstance(part, ast.Starred) for part in targets):
                    values = [value] * len(targets)
                for part, each in zip(targets, values, strict=True):
                    self._bind(getattr(part, "value", part), each, now)
            case ast.Subscript() | ast.Attribute():
                self._grow(target, value, now)

    def _bind_each(self, target, values, now):
        """Bind the target of a loop, column by column where it is plain what they are."""
        if isinstance(values, ast.Name):
            _, values = self._latest(values.id, now)
        parts = target.elts if isinstance(target, ast.Tuple) else []
        match values:
            case ast.Call(
                func=ast.Name(id="zip") | ast.Attribute(attr="product"), args=columns
            ) if len(columns) == len(parts):
                for part, column in zip(parts, columns, strict=True):
                    self._bind_each(part, column, now)
            case ast.Call(func=ast.Name(id="enumerate"), args=[column]) if len(parts) == 2:
                self._bind(parts[0], ast.Constant("its number"), now)
                self._bind_each(parts[1], column, now)
            case ast.Call(func=ast.Attribute(value=owner, attr="items")) if len(parts) == 2:
                self._bind(parts[0], ast.Constant("a key"), now)
                inside = (
                    ast.Tuple(owner.values, ast.Load()) if isinstance(owner, ast.Dict) else owner
                )
                self._bind_each(parts[1], inside, now)
            case ast.Tuple(elts=rows) | ast.List(elts=rows) if parts and all(
                isinstance(row, ast.Tuple) and len(row.elts) == len(parts) for row in rows
            ):
                for part, *column in zip(parts, *(row.elts for row in rows), strict=True):
                    self._bind_each(part, ast.Tuple(column, ast.Load()), now)
            case ast.expr():
                self._bind(target, ast.Subscript(values, ast.Constant("each")), now)

    def _grow(self, target, value, now):
        """What is at the root of `target` is made from `value` as well."""
        if name := _root(target):
            self._add(name, now, (ast.Name(name, ast.Load()), value))

    def _latest(self, name, now):
        """When `name` was last bound before statement `now`, and to what."""
        known = [binding for binding in self._bound.get(name, ()) if binding[0] < now]
        return known[-1] if known else (0, None)

    # What an expression is made of

    def _source(self, node, now, own=frozenset()) -> Source:
        """What `node` in statement `now` is made of; the names in `own` mean nothing outside."""
        key = id(node), now
        if own or key not in self._sources:
            self._sources[key] = Source("itself")  # until it is known, for what goes in a circle
            self._sources[key] = self._find(_passed_on(node), now, own)
        return self._sources[key]

    def _find(self, node, now, own):
        if isinstance(node, ast.Name):
            return self._of_name(node.id, now, own)
        own |= {
            part.id if isinstance(part, ast.Name) else part.arg
            for part in ast.walk(node)
            if isinstance(part, ast.arg)
            or (isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store))
        }
        words, sources = [type(node).__name__], []
        for _, value in ast.iter_fields(node):
            for part in value if isinstance(value, list) else [value]:
                if not isinstance(part, ast.AST):
                    words.append(repr(part))
                elif part._fields:
                    sources.append(self._source(part, now, own))
                else:  # an operator
                    words.append(type(part).__name__)
        if (
            isinstance(node, ast.Attribute)
            and node.attr in CONSTANTS
            and self._is_module(node.value)
        ):
            return Source.made(node.attr)
        return Source.made(
            f"({' '.join([*words, *(source.form for source in sources)])})",
            *sources,
            attributes={node.attr} if isinstance(node, ast.Attribute) else (),
            work={LOOP} if isinstance(node, ast.For | ast.While) else (),
        )

    def _of_name(self, name, now, own):
        at, value = self._latest(name, now)
        if name in own or hasattr(builtins, name) and value is None:
            return Source.made(name)
        match value:
            case None | str():  # from a module
                return Source.made(
                    name, work={value or "somewhere"} if name not in CONSTANTS else ()
                )
            case tuple():
                before, more = (self._source(part, at) for part in value)
                return Source.made(f"{name}@{at}", before, more, work={LOOP})
            case ast.FunctionDef() | ast.ClassDef():
                return Source.made(f"{name}@{at}", self._source(value, now))
        source = self._source(value, at)
        return Source.made(f"{name}@{at}", source, work={LOOP}) if name in self._outside else source

    def _is_module(self, node):
        """Whether it is a name that some import binds, as `np`."""
        bound = self._bound.get(node.id, ()) if isinstance(node, ast.Name) else ()
        return any(isinstance(value, str) for _, value in bound)

    def _is_outcome(self, node, now):
        """Whether it is the status or the evidence of a proof."""
        while isinstance(node := _passed_on(node), ast.Name):
            now, node = self._latest(node.id, now)
        return isinstance(node, ast.Attribute) and node.attr in ("status", "evidence")


def _is_row(call):
    reasoned = any(keyword.arg == "because" for keyword in call.keywords)
    by_name = isinstance(call.func, ast.Name)
    return reasoned and (by_name or getattr(call.func, "attr", None) in ROWS)


def _root(node):
    """The name at the root of `x[k].append(y)`, or None."""
    while isinstance(node, ast.Subscript | ast.Attribute | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def _grown_outside(function):
    """The names outside that a function adds to, as `seen[step] = x` or `rows.append(x)`."""
    grown, own = set(), set()
    for node in ast.walk(function):
        match node:
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                own.add(name)
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=target))):
                grown.add(_root(target))
            case ast.Subscript(value=target, ctx=ast.Store()):
                grown.add(_root(target))
    return grown - own


def _apart(value, count):
    """The values of so many targets: the parts of `value`, by itself or by their numbers."""
    values = getattr(value, "elts", ())
    if len(values) == count and not any(isinstance(part, ast.Starred) for part in values):
        return values
    return [ast.Subscript(value, ast.Constant(k)) for k in range(count)]


def _passed_on(node):
    """The expression without what only passes it on."""
    while True:
        match node:
            case ast.Call(func=ast.Name(id=name), args=[inner, *_]) if name in PASSED_ON:
                node = inner
            case ast.Call(func=ast.Attribute(value=inner, attr=name)) if name in PASSED_ON_BY:
                node = inner
            case _:
                return node
