"""The mutants of a module: each is its source with one small change, made by mutmut.

mutmut's own runner mutates only functions. That would omit the tables of the vendor's names, the
regular expressions and the limits. So only its operators are used here, on the whole module.
"""

from __future__ import annotations

import ast
import difflib
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import libcst
from libcst.metadata import MetadataWrapper
from mutmut.mutation.file_mutation import Mutation, MutationVisitor, deep_replace
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode

PACKAGE = "pickyassist_webhooks"
ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True, order=True)
class Name:
    """The identity of a mutant, which stays the same if other lines change."""

    module: str
    context: str
    before: tuple[str, ...]
    after: tuple[str, ...]

    def __str__(self) -> str:
        removed = [f"- {line}" for line in self.before]
        added = [f"+ {line}" for line in self.after]
        return "\n".join([f"{self.module}: {self.context}", *removed, *added])


@dataclass(frozen=True)
class Mutant:
    name: Name
    source: str


def path_of(module: str) -> Path:
    return ROOT.joinpath(PACKAGE, *module.split(".")).with_suffix(".py")


def mutants_of(module: str) -> list[Mutant]:
    """Return the mutants of a module in the order of its lines, without duplicates."""
    source = path_of(module).read_text("utf-8")
    contexts = _contexts(ast.parse(source))
    mutants: dict[str, Mutant] = {}
    seen = {_tree(source)}
    for mutated in _sources(source):
        tree = _tree(mutated)
        if tree not in seen:
            seen.add(tree)
            mutants[mutated] = Mutant(_name(module, source, mutated, contexts), mutated)
    return list(mutants.values())


def _sources(source: str) -> Iterator[str]:
    wrapper = MetadataWrapper(libcst.parse_module(source))
    visitor = MutationVisitor(mutation_operators, IgnoredCode(set(), set(), set()))
    module = wrapper.visit(visitor)
    parts = [module.code_for_node(statement) for statement in module.body]
    head = "".join(module.code_for_node(line) for line in module.header)
    tail = "".join(module.code_for_node(line) for line in module.footer)
    statement_of = {
        node: index for index, statement in enumerate(module.body) for node in _nodes(statement)
    }
    for mutation in visitor.mutations:
        index = statement_of[mutation.original_node]
        part = module.code_for_node(_mutated(module.body[index], mutation))
        yield "".join([head, *parts[:index], part, *parts[index + 1 :], tail])


def _mutated(statement: libcst.CSTNode, mutation: Mutation) -> libcst.CSTNode:
    mutated = deep_replace(statement, mutation.original_node, mutation.mutated_node)
    assert isinstance(mutated, libcst.CSTNode)
    return mutated


def _nodes(node: libcst.CSTNode) -> Iterator[libcst.CSTNode]:
    yield node
    for child in node.children:
        yield from _nodes(child)


def _tree(source: str) -> str:
    """Return a form that is equal for sources with the same meaning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as calls of constants
        return ast.dump(ast.parse(source))


def _name(module: str, source: str, mutated: str, contexts: dict[int, str]) -> Name:
    before, after = source.splitlines(), mutated.splitlines()
    changed = [
        code
        for code in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
        if code[0] != "equal"
    ]
    return Name(
        module,
        contexts.get(changed[0][1] + 1, "?"),
        _stripped(line for _, begin, end, _, _ in changed for line in before[begin:end]),
        _stripped(line for _, _, _, begin, end in changed for line in after[begin:end]),
    )


def _stripped(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(line.strip() for line in lines if line.strip())


def _contexts(tree: ast.AST, outer: str = "") -> dict[int, str]:
    """Return the function, class or constant of each line."""
    contexts = {}
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.stmt):
            continue
        name = outer + (_called(node) or "?")
        contexts.update(dict.fromkeys(range(node.lineno, (node.end_lineno or 0) + 1), name))
        if isinstance(node, ast.ClassDef):
            contexts.update(_contexts(node, f"{name}."))
    return contexts


def _called(node: ast.stmt) -> str | None:
    if isinstance(node, ast.Assign | ast.AnnAssign):
        return ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)
    return getattr(node, "name", None)
