"""A process that attacks provenet and watches itself: ``python -m tests.security.watched GROUP FOLDER [N]``.

It reports, as JSON on stdout, every text that was not refused, every event of the interpreter that no refusal
causes (a file opened for writing, a process, a socket, code run from text, an unexpected import), the
slowest refusal and the memory that all of them together took. With N every text meets one entrance in N, in
turn: the suite has no time for all pairs, ``make nightly`` has.
"""

import json
import os
import resource
import signal
import sys
import time
from pathlib import Path

MEBIBYTE = 2**20
MEMORY = 256 * MEBIBYTE
PATIENCE = 5.0  # seconds after which a refusal counts as hanging
_FORBIDDEN = (
    "os.", "subprocess.", "socket.", "ctypes.", "pickle.", "shutil.", "tempfile.", "urllib.", "webbrowser.",
    "pty.", "ftplib.", "http.", "smtplib.", "code.", "cpython.run",
)  # fmt: skip
_HARMLESS = ("os.listdir", "os.scandir", "os.putenv", "os.unsetenv")
_TELLTALE = frozenset({"canary_module", "subprocess", "socket", "ctypes", "pty", "webbrowser", "pdb", "code"})
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Hanging(BaseException):
    """A refusal took longer than anyone waits."""


class Watch:
    """Collects the events that a refusal does not cause, while it is armed."""

    def __init__(self) -> None:
        self.armed = False
        self.events: list[str] = []
        sys.addaudithook(self.hear)

    def hear(self, event: str, arguments: tuple) -> None:
        if self.armed and (what := suspicion(event, arguments)):
            self.events.append(what[:200])


def suspicion(event: str, arguments: tuple) -> str | None:
    """Why an event of the interpreter is none that reading text causes."""
    if event == "open":
        path, mode, flags = arguments
        writing = isinstance(mode, str) and set(mode) & set("wax+")
        return f"open {path!r}" if writing or (flags or 0) & _WRITING else None
    if event == "import":
        return f"import {arguments[0]}" if arguments[0].partition(".")[0] in _TELLTALE else None
    if event == "compile":
        return None if _from_file(arguments[1] or "<unknown>") else f"compile {arguments[1]!r}"
    if event == "exec":
        name = getattr(arguments[0], "co_filename", "?")
        return None if _from_file(name) and name != "<unknown>" else f"exec {name!r}"
    if event.startswith(_FORBIDDEN) and event not in _HARMLESS:
        return f"{event} {arguments!r}"
    return None


def _from_file(name: object) -> bool:
    """Code of an installed module; ``<unknown>`` is what ast.parse calls the text that it parses."""
    text = name.decode() if isinstance(name, bytes) else str(name)
    return text.endswith(".py") or text.startswith("<frozen") or text == "<unknown>"


def limit_memory(more: int) -> None:
    """Allow this process ``more`` bytes of address space than it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def refusal(attack, text: str) -> tuple[str | None, float]:
    """What went wrong, or None where the text was refused; and how long that took."""
    from tests.security.entrances import Refused
    from theory.errors import InputError

    started = time.process_time()  # of the processor: the machine is shared
    signal.setitimer(signal.ITIMER_PROF, PATIENCE)
    try:
        attack(text)
        wrong = "not refused"
    except (InputError, Refused) as error:
        said = str(error)
        hidden = any(not sign.isprintable() and sign != "\n" for sign in said)
        long = len(said) > 1100 + 2 * len(text)
        wrong = f"a refusal of {len(said)} characters, or with hidden ones" if hidden or long else None
    except BaseException as error:
        wrong = f"{type(error).__name__}: {str(error)[:200]}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return wrong, time.process_time() - started


def _hang(*_: object) -> None:
    raise Hanging(f"no refusal within {PATIENCE} s")


def attack(group: str, one_in: int = 1) -> dict:
    """Every text of the corpus against every entrance of a group, or one in so many."""
    from tests.security.entrances import GROUPS, LEGITIMATE

    entrances, texts, attacks = GROUPS[group](), _texts(group), 0
    for enter in entrances.values():
        refusal(enter, "sni(x)")  # whatever a first refusal imports
        refusal(enter, "1/(pi - pi)")
    signal.signal(signal.SIGPROF, _hang)
    watch, failures, slowest = Watch(), [], (0.0, "", "")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    limit_memory(MEMORY)
    watch.armed = True
    for turn, (name, enter) in enumerate(entrances.items()):
        for text in texts[turn % one_in :: one_in]:
            if text in LEGITIMATE.get(name, ()):
                continue
            attacks += 1
            watch.events.clear()
            wrong, seconds = refusal(enter, text)
            failures += [(name, text[:80], what) for what in (wrong, *watch.events) if what]
            slowest = max(slowest, (seconds, name, text[:80]))
    watch.armed = False
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {
        "attacks": attacks,
        "failures": failures,
        "slowest": slowest,
        "mebibytes": used / 1024,
    }


def _texts(group: str) -> list[str]:
    """What is put into the entrances of a group: names of files where it reads files."""
    if group == "planted":
        return ["open('canary', 'w')", "__import__('canary_module')", "__import__('os').system('true')"]
    if group == "files":
        return sorted(str(path) for path in Path().iterdir())
    from tests.security.corpus import STRINGS

    return list(STRINGS)


def main() -> None:
    group, folder, *one_in = sys.argv[1:]
    os.chdir(folder)
    Path("canary_module.py").write_text("open('canary', 'w').close()\n")
    sys.path.insert(0, "")
    report = attack(group, *map(int, one_in))
    report["left"] = sorted(str(path) for path in Path().iterdir() if path.name != "canary_module.py")
    print(json.dumps(report))


if __name__ == "__main__":
    main()
