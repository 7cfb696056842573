"""Draw docs/images/verify.svg, the table of the README: a run of the whole catalogue, or of the ids given."""

import io
import re
import sys
from pathlib import Path

from rich.console import Console

from proofs_checks import verify
from proofs_checks.report.terminal import verdict_table

PICTURE = Path(__file__).parent / "images" / "verify.svg"


def main() -> None:
    console = Console(record=True, width=114, file=io.StringIO(), force_terminal=True)
    console.print(verdict_table(verify(*sys.argv[1:], profile="quick")))
    # rich links fonts of a public host; a picture of the repository loads nothing.
    picture = re.sub(
        r"@font-face \{.*?\}\s*", "", console.export_svg(title="provenet verify"), flags=re.DOTALL
    )
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
