"""The same property, guided by coverage: ``pip install atheris``, then

``python -m tests.security.fuzz_atheris [CORPUS_FOLDER] [-max_total_time=60] [libFuzzer's other options]``.

Atheris is no dependency: nothing but this file needs it. It is known to run on Python 3.11.
"""

import sys

import atheris

with atheris.instrument_imports(include=["theory.grammar"]):
    import theory.grammar.reader
    import theory.grammar.screen  # noqa: F401  # imported here to be instrumented

from tests.security import fuzz

LONGEST = 300


def target(data: bytes) -> None:
    """One run: the first byte decides whether plain ASCII or any Unicode comes out."""
    provider = atheris.FuzzedDataProvider(data)
    plain = provider.ConsumeBool()
    fuzz.check(provider.ConsumeString(LONGEST) if plain else provider.ConsumeUnicode(LONGEST))


def main() -> None:
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
