"""The safe grammar: the only way in which text that a user typed becomes a SymPy expression."""

from theory.grammar.functions import FUNCTIONS, Form
from theory.grammar.reader import parse, parse_integers, parse_interval, parse_rational

__all__ = ["FUNCTIONS", "Form", "parse", "parse_integers", "parse_interval", "parse_rational"]
