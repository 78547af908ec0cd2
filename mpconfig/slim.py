"""Makes Python smaller before it is frozen into a release: the same behaviour in less flash and RAM.

Whole-program, as a linker's section collection is, and possible because a release loads no other code:

* constants (integers, short texts) are put where they are used, also across modules, which MicroPython's ``const``
  does within one module only; so a module of protocol numbers takes no RAM
* what cannot be reached from the start is left out: modules, functions, classes, methods, imports
* ``__slots__``, docstrings and ``from None`` are left out, with which MicroPython does nothing; so are ``__repr__``
  where ``repr`` is not called, and methods that only say that a subclass has them
* names that begin with an underscore, and parameters that no call names, become short: each name costs flash; so do
  all others of the program's own if it is told which names C code has, so that they cannot be anybody else's

What it cannot follow it refuses (SlimError): a module used as a value, a star import. A name that is bound twice in a
module is never taken for a constant. Of classes every member is kept whose name is looked up in any object.
"""

import ast
import builtins
import itertools
import keyword
import os
import string
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

# Texts beyond this length are objects of their own in each module that uses them, not shared names (mpy-tool.py).
_MAX_TEXT = 25
# Integers beyond this are objects as well.
_MAX_INT = 1 << 30
# Calls that only compute.
_PURE_CALLS = {"bytes", "const", "staticmethod", "tuple"}


class SlimError(Exception):
    """The code does something that this program cannot follow; the text names the place."""


class Binding(NamedTuple):
    """What a name in a module stands for: ``module``, or ``name`` in it; ``module`` may be one we do not have."""

    module: str
    name: str | None


class Module:
    """One source file on its way. ``bindings``: what imports bind, of names that are bound once."""

    def __init__(self, name: str, tree: ast.Module, known: Iterable[str]) -> None:
        self.name = name
        self.tree = tree
        self.bindings: dict[str, Binding] = {}
        bound: dict[str, int] = {}
        for node in ast.walk(tree):
            for target in _bound_by(node):
                bound[target] = bound.get(target, 0) + 1
        self.bound_once = {target for target, count in bound.items() if count == 1}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                if node.level or node.module is None or any(alias.name == "*" for alias in node.names):
                    raise SlimError(f"{name}: relative or star import")
                for alias in node.names:
                    full = f"{node.module}.{alias.name}"
                    binding = Binding(full, None) if full in known else Binding(node.module, alias.name)
                    if self.bindings.setdefault(alias.asname or alias.name, binding) != binding:
                        raise SlimError(f"{name}: {alias.asname or alias.name} is imported from two places")
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if "." in alias.name and alias.name in known:
                        raise SlimError(f"{name}: import {alias.name}: write from ... import")
                    self.bindings[alias.asname or alias.name] = Binding(alias.name, None)

    def resolve(self, node: ast.expr) -> Binding | None:
        """What a name or ``module.name`` stands for, as far as imports tell."""
        if isinstance(node, ast.Name):
            return self.bindings.get(node.id)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            binding = self.bindings.get(node.value.id)
            if binding is not None and binding.name is None:
                return Binding(binding.module, node.attr)
        return None


def _bound_by(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.alias):
        yield node.asname or node.name.split(".")[0]
    elif isinstance(node, ast.FunctionDef | ast.ClassDef) or (isinstance(node, ast.ExceptHandler) and node.name):
        yield str(node.name)
    elif isinstance(node, ast.Global | ast.Nonlocal):
        yield from node.names


class _Inliner(ast.NodeTransformer):
    def __init__(self, program: "Program", module: Module) -> None:
        self.program = program
        self.module = module

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._replaced(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        self.generic_visit(node)
        return self._replaced(node)

    def _replaced(self, node: ast.Name | ast.Attribute) -> ast.expr:
        if not isinstance(node.ctx, ast.Load):
            return node
        value = self.program.constant(self.module, node)
        return node if value is None else _literal(value)

    def visit_If(self, node: ast.If) -> list[ast.stmt] | ast.stmt:
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return (node.body if node.test.value else node.orelse) or ast.Pass()
        return node


def _literal(value: int | str) -> ast.expr:
    if isinstance(value, int) and value < 0:
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))
    return ast.Constant(value)


class Program:
    """All files of a release. ``sources``: module name to text. ``roots``: modules that something else starts.

    ``outside``: texts of programs that will use the result, such as tests: what they refer to stays. ``foreign``: every
    name that the interpreter has; with it public names become short as well. Raises SlimError.
    """

    def __init__(
        self,
        sources: dict[str, str],
        roots: Iterable[str],
        outside: Iterable[str] = (),
        foreign: Iterable[str] | None = None,
    ) -> None:
        self.roots = set(roots)
        trees = {name: ast.parse(text) for name, text in sorted(sources.items())}
        self.modules = {name: Module(name, tree, trees) for name, tree in trees.items()}
        self.outside = [Module("", ast.parse(text), trees) for text in outside]
        self._constants: dict[Binding, int | str | None] = {}
        # What somebody assigns to from elsewhere is none.
        for module in [*self.modules.values(), *self.outside]:
            for node in ast.walk(module.tree):
                if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
                    binding = module.resolve(node)
                    if binding is not None:
                        self._constants[binding] = None
        for module in self.modules.values():
            _Inliner(self, module).visit(module.tree)
        for module in self.modules.values():
            _strip(module.tree)
        self._collect()
        for module in self.modules.values():
            _tidy(module.tree)
        _number_parameters(self)
        self.names = _shorten(self, None if foreign is None else set(foreign))

    # Constants

    def constant(self, module: Module, node: ast.expr) -> int | str | None:
        """Value of an expression of literals and constants; None if it is anything else."""
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                return node.value if len(node.value) <= _MAX_TEXT else None
            return node.value if isinstance(node.value, int) and abs(node.value) < _MAX_INT else None
        if isinstance(node, ast.Name | ast.Attribute):
            binding = module.resolve(node)
            if binding is None and isinstance(node, ast.Name):
                binding = Binding(module.name, node.id)
            elif isinstance(node, ast.Name) and node.id not in module.bound_once:
                return None
            elif isinstance(node, ast.Attribute) and binding is not None:
                if not isinstance(node.value, ast.Name) or node.value.id not in module.bound_once:
                    return None
            return None if binding is None else self._named(binding)
        if isinstance(node, ast.Call):
            is_const = isinstance(node.func, ast.Name) and node.func.id == "const"
            return self.constant(module, node.args[0]) if is_const else None
        if isinstance(node, ast.UnaryOp | ast.BinOp):
            parts = [node.operand] if isinstance(node, ast.UnaryOp) else [node.left, node.right]
            values = [self.constant(module, part) for part in parts]
            if all(isinstance(value, int) for value in values):
                whole = ast.parse(ast.unparse(node), mode="eval")
                if isinstance(node, ast.UnaryOp):
                    whole.body = ast.UnaryOp(node.op, ast.Constant(values[0]))
                else:
                    whole.body = ast.BinOp(ast.Constant(values[0]), node.op, ast.Constant(values[1]))
                result = eval(compile(ast.fix_missing_locations(whole), "", "eval"), {"__builtins__": {}})  # noqa: S307
                return result if isinstance(result, int) and abs(result) < _MAX_INT else None
        return None

    def _named(self, binding: Binding) -> int | str | None:
        if binding not in self._constants:
            self._constants[binding] = None  # what refers to itself is no constant
            module = self.modules.get(binding.module)
            if module is not None and binding.name in module.bound_once:
                if binding.name in module.bindings:
                    onward = module.bindings[binding.name]
                    self._constants[binding] = None if onward.name is None else self._named(onward)
                for node in module.tree.body:
                    if isinstance(node, ast.Assign) and _target(node) == binding.name:
                        self._constants[binding] = self.constant(module, node.value)
        return self._constants[binding]

    # What nothing refers to

    def _collect(self) -> None:
        """Leave out what cannot be reached from the roots: modules, and what modules and classes define."""
        waiting = [unit for name in sorted(self.roots) for unit in self._units_of(name)]
        for module in self.outside:
            waiting.append(Unit(module, module.tree, None, None))
        arrived = set(self.roots)
        used: set[Binding] = set()
        members: set[str] = set()
        live: set[int] = set()
        while True:
            due: list[Unit] = []
            rest: list[Unit] = []
            for unit in waiting:
                (due if unit.is_needed(used, members) else rest).append(unit)
            if not due:
                break
            waiting = rest
            for unit in due:
                live.add(id(unit.node))
                found = self._references(unit, members)
                used |= found
                waiting += unit.members()
                # Importing a module imports the packages that it is in.
                for name in sorted({binding.module for binding in found}):
                    for package in (name, *(name.rsplit(".", depth)[0] for depth in range(1, name.count(".") + 1))):
                        if package not in arrived:
                            arrived.add(package)
                            waiting += self._units_of(package)
        for name in sorted(self.modules.keys() - arrived):
            del self.modules[name]
        for module in self.modules.values():
            _keep(module.tree, live)

    def _units_of(self, name: str) -> "list[Unit]":
        module = self.modules.get(name)
        if module is None:
            return []
        units = []
        for statement in module.tree.body:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                units += [Unit(module, alias, alias.asname or alias.name, None) for alias in statement.names]
            else:
                units.append(Unit(module, statement, _defined(statement), None))
        return units

    def _references(self, unit: "Unit", members: set[str]) -> set[Binding]:
        """What the node names; adds to ``members`` what it looks up in objects."""
        module = unit.module
        found = set()
        bases = set()
        for node in unit.own():
            if isinstance(node, ast.alias):
                found.add(module.bindings[node.asname or node.name])
            elif isinstance(node, ast.Attribute):
                binding = module.resolve(node)
                if binding is not None:
                    found.add(binding)
                    bases.add(id(node.value))
                if isinstance(node.ctx, ast.Load):
                    members.add(node.attr)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id in ("getattr", "hasattr"):
                    members |= {str(arg.value) for arg in node.args if isinstance(arg, ast.Constant)}
                elif node.func.id == "const":
                    bases.add(id(node.func))  # the compiler's own, whatever it is bound to
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                binding = module.bindings.get(node.id)
                if module.name and id(node) not in bases and binding and binding.module in self.modules:
                    if binding.name is None:
                        raise SlimError(f"{module.name}: module {node.id} is used as a value")
                if node.id == "repr":
                    members.add("__repr__")
                if node.id != "const" or id(node) not in bases:
                    found.add(Binding(module.name, node.id))
        return found


class Unit(NamedTuple):
    """What is kept or left out as a whole: a statement of a module or class, or one name of an import.

    ``name``: what it defines, None if it does something. ``owner``: its class, None for a module.
    """

    module: Module
    node: ast.AST
    name: str | None
    owner: str | None

    def is_needed(self, used: set[Binding], members: set[str]) -> bool:
        """Whether something refers to it. Special methods belong to their class."""
        if self.name is None:
            return True
        if self.owner is None:
            return Binding(self.module.name, self.name) in used
        if self.name.startswith("__") and self.name not in ("__slots__", "__repr__"):
            return True
        return self.name in members and not _is_abstract(self.node)

    def members(self) -> "list[Unit]":
        """The units of a class."""
        if not isinstance(self.node, ast.ClassDef):
            return []
        return [Unit(self.module, item, _defined(item), self.node.name) for item in self.node.body]

    def own(self) -> Iterator[ast.AST]:
        """The nodes that belong to it, a name's owner before the name."""
        if isinstance(self.node, ast.ClassDef):
            for part in [*self.node.bases, *self.node.decorator_list]:
                yield from ast.walk(part)
        else:
            yield from ast.walk(self.node)


def _target(node: ast.stmt) -> str | None:
    """Name that an assignment to one name binds."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    return None


def _is_abstract(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef) and ast.unparse(node.body[-1]) == "raise NotImplementedError"


def _keep(tree: ast.Module, live: set[int]) -> None:
    """Take out of a module what is not in ``live``."""
    body: list[ast.stmt] = []
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            node.names = [alias for alias in node.names if id(alias) in live]
            body += [node] if node.names else []
        elif id(node) in live:
            if isinstance(node, ast.ClassDef):
                node.body = [item for item in node.body if id(item) in live] or [ast.Pass()]
            body.append(node)
    tree.body = body


def _defined(node: ast.stmt) -> str | None:
    """Name that a statement defines and does nothing else."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return node.name
    if isinstance(node, ast.Assign):
        for part in ast.walk(node.value):
            if isinstance(part, ast.Call) and not (isinstance(part.func, ast.Name) and part.func.id in _PURE_CALLS):
                return None
        return _target(node)
    return None


def _strip(tree: ast.Module) -> None:
    """Take out docstrings and ``from None``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.cause, ast.Constant):
            node.cause = None
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            if node.body and isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant):
                node.body[0] = ast.Pass()


def _tidy(tree: ast.Module) -> None:
    """Take out ``pass`` where something else is."""
    for node in ast.walk(tree):
        for _, block in ast.iter_fields(node):
            if isinstance(block, list) and any(isinstance(item, ast.Pass) for item in block):
                block[:] = [item for item in block if not isinstance(item, ast.Pass)]
                if not block and not isinstance(node, ast.Module):
                    block.append(ast.Pass())


# Names


def _number_parameters(program: Program) -> None:
    """Parameters that no call names are called a, b, c..., in every function anew."""
    named = set()
    for module in [*program.modules.values(), *program.outside]:
        named |= {node.arg for node in ast.walk(module.tree) if isinstance(node, ast.keyword) and node.arg}
    for module in program.modules.values():
        functions = [node for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef | ast.Lambda)]
        for function in reversed(functions):  # inner ones first
            taken = {name for node in ast.walk(function) for name in _names(node)}
            imported = {name for node in ast.walk(function) if isinstance(node, ast.alias) for name in _bound_by(node)}
            fresh = (name for name in _small_names() if name not in taken and name not in _KEYWORDS)
            mapping = {}
            for arg in function.args.args:
                if arg.arg not in named and arg.arg not in imported:
                    mapping[arg.arg] = next(fresh)
                    arg.arg = mapping[arg.arg]
            # Not in the defaults, which are the scope around.
            for part in function.body if isinstance(function, ast.FunctionDef) else [function.body]:
                _rename(part, mapping, False)


def _shorten(program: Program, foreign: set[str] | None) -> dict[str, str]:
    """Names become others, the same in all modules: those with an underscore, given ``foreign`` all that are ours.

    First come words that are in the image as texts anyway and so cost nothing, then short ones. Returns old to new.
    """
    count: dict[str, int] = {}
    words = set()
    kept = {part for name in program.modules for part in name.split(".")} | _exceptions(program) | (foreign or set())
    for module in [*program.modules.values(), *program.outside]:
        kept |= set(_names_of_others(program, module))
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
                # What getattr may be asked for is among the texts.
                (words if module.name else kept).add(node.value)
            for name in _names(node):
                count[name] = count.get(name, 0) + 1
                if not module.name:
                    kept.add(name)
    ours = {name for name in count.keys() - kept - words if not name.startswith("__") and not hasattr(builtins, name)}
    if foreign is None:
        ours = {name for name in ours if name.startswith("_")}
    order = sorted(ours, key=lambda name: (-count[name], name))
    # No special names, which mean something to whoever looks at an object.
    taken = count.keys() | kept | _KEYWORDS
    free = {word for word in words - taken if len(word) <= _MAX_TEXT and not word.startswith("__")}
    free = {word for word in free if not hasattr(builtins, word)}
    # Parameters have small letters.
    fresh = iter([*sorted(free), *(name for name in _capital_names() if name not in taken | free)])
    mapping = {name: next(fresh) for name in order}
    for module in program.modules.values():
        _rename(module.tree, mapping, True)
    return mapping


def _exceptions(program: Program) -> set[str]:
    """Names of exception classes: who reports one says which it is."""
    found = {name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)}
    classes = [
        node for module in program.modules.values() for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)
    ]
    while True:
        more = {node.name for node in classes if found & {name for base in node.bases for name in _names(base)}} - found
        if not more:
            return found
        found |= more


def _names_of_others(program: Program, module: Module) -> Iterator[str]:
    """Names of modules that are not the program's, and names in them."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for binding in (module.bindings[alias.asname or alias.name] for alias in node.names):
                yield from binding.module.split(".")
                if binding.name is not None and binding.module not in program.modules:
                    yield binding.name
        elif isinstance(node, ast.Attribute):
            found = module.resolve(node)
            if found is not None and found.name is not None and found.module not in program.modules:
                yield found.name


_KEYWORDS = {*keyword.kwlist, *keyword.softkwlist}


def _small_names() -> Iterator[str]:
    letters = string.ascii_lowercase
    yield from letters
    yield from (first + second for first in letters for second in letters)


def _capital_names() -> Iterator[str]:
    for length in (1, 2):
        for first, *rest in itertools.product(string.ascii_uppercase, *[string.ascii_letters + string.digits] * (length - 1)):
            yield "".join((first, *rest))


def _names(node: ast.AST) -> Iterator[str]:
    """Every name that a node holds."""
    yield from _bound_by(node)
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.keyword) and node.arg:
        yield node.arg
    elif isinstance(node, ast.alias):
        yield node.name


def _rename(tree: ast.AST, mapping: dict[str, str], members: bool) -> None:
    """Call things by other names; with ``members`` also attributes, keywords and what is imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = mapping.get(node.id, node.id)
        elif isinstance(node, ast.arg):
            node.arg = mapping.get(node.arg, node.arg)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            node.name = mapping.get(node.name, node.name)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            node.name = mapping.get(node.name, node.name)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            node.names = [mapping.get(name, name) for name in node.names]
        elif members and isinstance(node, ast.Attribute):
            node.attr = mapping.get(node.attr, node.attr)
        elif members and isinstance(node, ast.keyword) and node.arg:
            node.arg = mapping.get(node.arg, node.arg)
        elif members and isinstance(node, ast.alias):
            node.name = mapping.get(node.name, node.name)
            if node.asname:
                node.asname = mapping.get(node.asname, node.asname)


def write(program: Program, folder: Path) -> list[str]:
    """Put the files into ``folder``; paths of those that have content, sorted. Unchanged files are not touched."""
    wanted = {}
    for name, module in program.modules.items():
        text = ast.unparse(ast.fix_missing_locations(module.tree)) + "\n"
        children = any(other.startswith(name + ".") for other in program.modules)
        path = name.replace(".", "/") + ("/__init__.py" if children else ".py")
        if module.tree.body or not children:
            wanted[path] = text
    gone = [old for old in folder.rglob("*.py") if str(old.relative_to(folder)) not in wanted]
    for old in gone:
        old.unlink()
    for path, text in wanted.items():
        file = folder / path
        # MicroPython's build looks for newer files and would not miss one.
        if gone or not file.exists() or file.read_text() != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    return sorted(wanted)


def read(folder: Path, paths: Iterable[str]) -> dict[str, str]:
    """Module name to text of files in a folder of packages."""
    found = {}
    for path in paths:
        name = path.removesuffix(".py").removesuffix("/__init__").replace(os.sep, ".")
        found[name] = (folder / path).read_text()
    return found
