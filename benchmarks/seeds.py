"""How often does a run give an unexpected verdict? Run: python -m benchmarks.seeds [number of seeds].

Every theorem is verified with seeds 0, 1, 2, ...; a theory that holds must be supported and a control
refuted in every one.
"""

from __future__ import annotations

import sys
from collections import Counter

from proofs_checks import verify


def main() -> None:
    """Print a line a run, then the counts."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    totals: Counter[str] = Counter()
    for seed in range(runs):
        report = verify(seed=seed)
        for theorem, claim in report.unexpected:
            print(f"  seed {seed}: {theorem.id}: {claim.name}: {claim.verdict}: {claim.cause}")
        claims = [claim for theorem in report.theorems for claim in theorem.claims]
        totals["verdicts"] += len(claims)
        totals["unexpected"] += len(report.unexpected)
        totals["controls"] += sum(claim.control for claim in claims)
        totals["controls refuted"] += sum(claim.control and claim.verdict == "refuted" for claim in claims)
        found = f"{len(claims)} verdicts, {len(report.unexpected)} unexpected"
        print(f"seed {seed}: {found}, {report.seconds:.1f} s")
    print(", ".join(f"{name}: {count}" for name, count in totals.items()))


if __name__ == "__main__":
    main()
