"""Makes Python smaller before it is frozen into a release: the same behaviour in less flash and RAM.

Whole-program, as a linker's section collection is, and possible because a release loads no other code:

* constants (integers, short texts) are put where they are used, also across modules, which MicroPython's ``const``
  does within one module only; so a module of protocol numbers takes no RAM
* what nothing refers to is left out: modules, functions, classes, methods, imports
* ``__slots__``, docstrings, ``__repr__`` and ``from None`` are left out; MicroPython does nothing with the first
  two and the last, and no log has the third
* names that begin with an underscore, and parameters that no call names, become short: each name costs flash

What it cannot follow it refuses (SlimError): a module used as a value, a star import. Names are resolved by binding:
a name bound twice in a module is never taken for a constant. Members of classes are kept by name, whoever's they are.
"""

import ast
import os
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
                    self.bindings[alias.asname or alias.name] = binding
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

    ``outside``: texts of programs that will use the result, such as tests: what they refer to stays. Raises SlimError.
    """

    def __init__(self, sources: dict[str, str], roots: Iterable[str], outside: Iterable[str] = ()) -> None:
        self.roots = set(roots)
        trees = {name: ast.parse(text) for name, text in sorted(sources.items())}
        self.modules = {name: Module(name, tree, trees) for name, tree in trees.items()}
        self.outside = [Module("", ast.parse(text), trees) for text in outside]
        self._constants: dict[Binding, int | str | None] = {}
        for module in self.modules.values():
            _Inliner(self, module).visit(module.tree)
        for module in self.modules.values():
            _strip(module.tree)
        while self._collect():
            pass
        for module in self.modules.values():
            _tidy(module.tree)
        _number_parameters(self)
        _shorten_private(self)

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

    def _collect(self) -> bool:
        """Leave out what nothing refers to; False when there was nothing."""
        everything = [*self.modules.values(), *self.outside]
        members: set[str] = set()
        used: set[Binding] = set()
        for module in everything:
            members |= _members(module.tree)
            used |= self._references(module)
        changed = False
        for module in self.modules.values():
            changed |= _Collector(module, used, members).run()
        reached = set(self.roots)
        queue = sorted(reached | {binding.module for module in self.outside for binding in module.bindings.values()})
        while queue:
            name = queue.pop()
            reached.add(name)
            if name not in self.modules:
                continue
            found = [binding.module for binding in self._imports(self.modules[name])]
            if "." in name:
                found.append(name.rpartition(".")[0])
            queue += [other for other in found if other not in reached]
        for name in sorted(self.modules.keys() - reached):
            del self.modules[name]
            changed = True
        return changed

    def _imports(self, module: Module) -> list[Binding]:
        present = {name for node in ast.walk(module.tree) if isinstance(node, ast.alias) for name in _bound_by(node)}
        return [binding for name, binding in module.bindings.items() if name in present]

    def _references(self, module: Module) -> set[Binding]:
        found = {binding for binding in self._imports(module) if binding.name is not None}
        inner = set()
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute):
                binding = module.resolve(node)
                if binding is not None:
                    found.add(binding)
                    inner.add(id(node.value))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "const":
                inner.add(id(node.func))  # the compiler's own, whatever it is bound to
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and not (
                node.id == "const" and id(node) in inner
            ):
                found.add(Binding(module.name, node.id))
                binding = module.bindings.get(node.id)
                if module.name and binding and binding.name is None and binding.module in self.modules:
                    if id(node) not in inner:
                        raise SlimError(f"{module.name}: module {node.id} is used as a value")
        return found


def _target(node: ast.stmt) -> str | None:
    """Name that an assignment to one name binds."""
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    return None


def _members(tree: ast.Module) -> set[str]:
    """Names by which members of objects may be looked up."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            found.add(node.attr)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in ("getattr", "hasattr"):
                found |= {arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)}
    return found


class _Collector(ast.NodeTransformer):
    """Takes out of one module what is not in ``used``, and of its classes what is not in ``members``."""

    def __init__(self, module: Module, used: set[Binding], members: set[str]) -> None:
        self.module = module
        self.used = used
        self.members = members
        self.changed = False

    def run(self) -> bool:
        self.visit(self.module.tree)
        return self.changed

    def visit_Module(self, node: ast.Module) -> ast.AST:
        node.body = [item for item in node.body if self._keeps(_defined(item), self._is_used)]
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.body = [item for item in node.body if self._keeps(_defined(item), self._is_member)] or [ast.Pass()]
        return self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        node.names = [alias for alias in node.names if self._keeps(alias.asname or alias.name, self._is_used)]
        return node if node.names else ast.Pass()

    def visit_Import(self, node: ast.Import) -> ast.AST:
        node.names = [alias for alias in node.names if self._keeps(alias.asname or alias.name, self._is_used)]
        return node if node.names else ast.Pass()

    def _keeps(self, name: str | None, is_needed: "type | object") -> bool:
        kept = name is None or is_needed(name)  # type: ignore[operator]
        self.changed |= not kept
        return bool(kept)

    def _is_used(self, name: str) -> bool:
        return Binding(self.module.name, name) in self.used

    def _is_member(self, name: str) -> bool:
        return name in self.members or (name.startswith("__") and name not in ("__slots__", "__repr__"))


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
            fresh = (name for name in _short_names("") if name not in taken and name not in _KEYWORDS)
            mapping = {}
            for arg in function.args.args:
                if arg.arg not in named and arg.arg not in imported:
                    mapping[arg.arg] = next(fresh)
                    arg.arg = mapping[arg.arg]
            # Not in the defaults, which are the scope around.
            for part in function.body if isinstance(function, ast.FunctionDef) else [function.body]:
                _rename(part, mapping, False)


def _shorten_private(program: Program) -> None:
    """Names that begin with an underscore are short ones, the same in all modules."""
    count: dict[str, int] = {}
    foreign = set()
    for module in [*program.modules.values(), *program.outside]:
        for node in ast.walk(module.tree):
            for name in _names(node):
                if name.startswith("_") and not name.startswith("__"):
                    count[name] = count.get(name, 0) + 1
                    if not module.name:
                        foreign.add(name)
    order = sorted(count.keys() - foreign - program.modules.keys(), key=lambda name: (-count[name], name))
    fresh = (name for name in _short_names("_") if name not in foreign)
    mapping = {name: next(fresh) for name in order}
    for module in program.modules.values():
        _rename(module.tree, mapping, True)


_KEYWORDS = {"as", "if", "in", "is", "or"}


def _short_names(prefix: str) -> Iterator[str]:
    letters = "abcdefghijklmnopqrstuvwxyz"
    yield from (prefix + first for first in letters)
    yield from (prefix + first + second for first in letters for second in letters)


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
