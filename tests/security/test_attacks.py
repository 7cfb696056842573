"""Every attack against every entrance: nothing runs, each is refused in one line, quickly and cheaply."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.security import hostile_files
from tests.security.corpus import CORPUS, STRINGS
from tests.security.entrances import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
SECONDS, MEBIBYTES = 1.0, 256.0
# A command line takes ten times as long as a function: in the suite a text meets one in twelve of them.
ONE_IN = 1 if os.environ.get("PROVENET_ATTACKS") == "all" else 12
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu", "OMP_NUM_THREADS": "1"}


def attacked(group, folder, one_in=1):
    command = [sys.executable, "-m", "tests.security.watched", group, str(folder), str(one_in)]
    completed = subprocess.run(
        command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=600
    )
    assert completed.returncode == 0, completed.stderr[-2000:]
    return json.loads(completed.stdout)


def test_corpus_is_as_large_as_it_should_be():
    assert len(STRINGS) >= 250
    assert min(len(texts) for texts in CORPUS.values()) >= 20
    assert len(COMMANDS) >= 25


@pytest.mark.parametrize(
    ("group", "one_in", "at_least"),
    [("grammar", 1, 4000), ("python", 1, 8000), ("commands", ONE_IN, 1000)],
)
def test_every_text_is_refused_and_nothing_else_happens(tmp_path, group, one_in, at_least):
    report = attacked(group, tmp_path, one_in)
    assert report["failures"] == []
    assert report["left"] == []
    assert report["attacks"] >= at_least
    assert report["slowest"][0] < SECONDS, report["slowest"]
    assert report["mebibytes"] < MEBIBYTES


def state(folder):
    """Every file of a folder with its content; a pipe or a device by its name only."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file() and not path.is_symlink()
        else None
        for path in folder.iterdir()
        if path.name != "canary_module.py"
    }


def test_every_hostile_file_is_refused_and_left_as_it_is(tmp_path):
    hostile_files.write(tmp_path)
    before = state(tmp_path)
    report = attacked("files", tmp_path)
    assert report["failures"] == []
    assert report["attacks"] > 250
    assert report["slowest"][0] < SECONDS, report["slowest"]
    assert report["mebibytes"] < MEBIBYTES
    assert state(tmp_path) == before


def test_watch_notices_what_it_watches_for(tmp_path):
    report = attacked("planted", tmp_path)
    noticed = " ".join(what for _, _, what in report["failures"])
    for event in ("not refused", "open 'canary'", "import canary_module", "os.system", "compile", "exec"):
        assert event in noticed
    assert report["left"] == ["canary"]


WHOLE = {
    "code": ("kernel", "__import__('os').system('touch canary')"),
    "a bomb": ("kernel", "9**9**9**9"),
    "a look-alike": ("kernel", "ｅｘｐ(z)"),
    "a long text": ("kernel", "z+" * 50_000 + "z"),
    "a parameter": ("verify", "kernels.two_layer_ntk", "--set", "activation=lambda: 0"),
    "an interval": ("approximate", "x", "--on", "0,9**9**9", "--epsilon", "1"),
}


@pytest.mark.parametrize("arguments", WHOLE.values(), ids=WHOLE.keys())
def test_whole_process_refuses_within_a_second(tmp_path, arguments):
    """The start of Python and every import included; seconds of the processor: the machine is shared."""
    limited = ["sh", "-c", f'ulimit -v {2 * 256 * 1024}; exec "$@"', "sh"]
    command = [*limited, sys.executable, "-m", "proofs_checks", *arguments]
    with subprocess.Popen(
        command, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        said = process.stderr.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert (process.returncode, len(said.splitlines())) == (2, 1), said
    assert usage.ru_utime + usage.ru_stime < SECONDS
    assert list(tmp_path.iterdir()) == []


def test_screen_needs_neither_sympy_nor_jax(tmp_path):
    """What makes the refusals quick; an expression that passes the screen does need SymPy."""
    code = """
import sys
from proofs_checks import cli
sys.argv = ["provenet", "kernel", sys.argv[1]]
try:
    cli.main()
except SystemExit as end:
    print(end.code, *({"sympy", "jax"} & set(sys.modules)))
"""
    for text, found in (("9**9**9**9", "2"), ("1/(z - z)", "2 sympy")):
        command = [sys.executable, "-c", code, text]
        completed = subprocess.run(
            command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False
        )
        assert completed.stdout.strip() == found
