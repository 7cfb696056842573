"""Time of ``verify`` by stage: imports, derivations, each claim.

Run: python -m benchmarks.verify [profile]
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time


def seconds_of(command: list[str]) -> float:
    """Wall time of a whole process."""
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    """Print a row a stage."""
    print(f"{'stage':72} seconds")
    for label, code in (("python", ""), ("import theory.derivation", "import theory.derivation")):
        best = min(seconds_of([sys.executable, "-c", code]) for _ in range(3))
        print(f"{label + ' (whole process, best of 3)':72} {best:7.2f}")
    helping = min(seconds_of([sys.executable, "-m", "proofs_checks", "--help"]) for _ in range(3))
    print(f"{'provenet --help (whole process, best of 3)':72} {helping:7.2f}")
    started = time.perf_counter()
    from proofs_checks import verify

    report = verify(profile=sys.argv[1] if len(sys.argv) > 1 else "quick")
    for theorem in report.theorems:
        print(f"{theorem.id + ': derivation':72} {theorem.derivation_seconds:7.2f}")
        for claim in theorem.claims:
            print(f"{theorem.id + ': ' + claim.name:72} {claim.seconds:7.2f}")
        print(f"{theorem.id + ': in all':72} {theorem.seconds:7.2f}")
    print(f"{'in all, imports included':72} {time.perf_counter() - started:7.2f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{'peak memory of this process, GiB':72} {peak:7.2f}")


if __name__ == "__main__":
    main()
