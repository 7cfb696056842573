"""Files as an enemy would send them: arrays, certificates and stores, each of which must be refused."""

import io
import json
import os
import pickle
import sqlite3
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from proofs_checks.certificate import digest_of
from proofs_checks.store import open_store

GENUINE = Path(__file__).with_name("certificate.json")


class Bomb:
    """Touches the canary when it is unpickled."""

    def __reduce__(self) -> tuple:
        return os.system, ("touch canary",)


def npy(header: str | bytes, data: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    """An npy file with this header, whatever it says."""
    text = header.encode("latin-1") if isinstance(header, str) else header
    length = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + length + text + data


def _described(shape: str, descr: str = "'<f8'", rest: str = "") -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}{rest}}}\n"


def arrays() -> dict[str, bytes]:
    """Files that claim to be arrays."""
    objects, archive = io.BytesIO(), io.BytesIO()
    np.save(objects, np.array([[Bomb()]], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(archive, "w") as bundle:
        bundle.writestr("x.npy", objects.getvalue())
    good = io.BytesIO()
    np.save(good, np.ones((3, 3)))
    return {
        "objects": objects.getvalue(),
        "npz": archive.getvalue(),
        "pickle": pickle.dumps(Bomb()),
        "empty": b"",
        "magic only": b"\x93NUMPY",
        "truncated header": good.getvalue()[:20],
        "truncated data": good.getvalue()[:-8],
        "code in the header": npy("__import__('os').system('touch canary')\n"),
        "code in the shape": npy(_described("(__import__('os').system('touch canary'), 1)")),
        "code in the type": npy(_described("(1, 1)", "__import__('os')")),
        "huge shape": npy(_described("(1000000000, 1000000000)"), b"\0" * 8),
        "large shape": npy(_described("(134217728, 1)"), b"\0" * 8),
        "huge power in the shape": npy(_described("(9**9**9**9, 1)")),
        "negative shape": npy(_described("(-1, 1)"), b"\0" * 8),
        "fractional shape": npy(_described("(1.5, 1)"), b"\0" * 8),
        "shape of true": npy(_described("(True, True)"), b"\0" * 7),
        "no tuple": npy(_described("1"), b"\0" * 8),
        "object type": npy(_described("(1, 1)", "'|O'"), pickle.dumps(Bomb())),
        "hidden object type": npy(_described("(1, 1)", "[('a', '<f8'), ('b', '|O')]"), b"\0" * 16),
        "subarray type": npy(_described("(1, 1)", "('<f8', (100000, 100000))"), b"\0" * 8),
        "wide text type": npy(_described("(1, 1)", "'<U536870911'"), b"\0" * 8),
        "more keys": npy(_described("(1, 1)", rest=", 'more': 1"), b"\0" * 8),
        "no dictionary": npy("[]\n"),
        "deep header": npy("(" * 5000 + ")" * 5000 + "\n"),
        "long header": npy(_described("(1, 1)") + " " * 60_000, b"\0" * 8),
        "long header, version 2": npy(b" " * 10**6, version=(2, 0)),
        "version 3": npy(_described("(1, 1)"), b"\0" * 8, version=(3, 0)),
        "version 9": npy(_described("(1, 1)"), b"\0" * 8, version=(9, 0)),
        "null bytes in the header": npy(_described("(1, 1)\0"), b"\0" * 8),
        "a header of another length": b"\x93NUMPY\x01\x00\xff\xff{}",
    }


def genuine() -> dict:
    """A certificate as `verify` wrote it."""
    return json.loads(GENUINE.read_text())


def signed(document: dict) -> dict:
    """The document under a digest, and its design under a seal, that match: any forger can compute them."""
    body = {name: value for name, value in document.items() if name != "digest"}
    if isinstance(body.get("design"), dict):
        body["seal"] = digest_of(body["design"])
    return {**body, "digest": digest_of(body)}


WRONG = (
    None,
    True,
    -1,
    10**30,
    1.5,
    10**400,
    "x",
    "nan",
    [],
    [[]],
    {},
    {"a": 1},
    ["x"] * 3,
    "\x1b[31m<b>\\input",
)


def leaves(value: object, path: tuple = ()) -> Iterator[tuple]:
    """The path of every field of a document, of lists the first entry."""
    if isinstance(value, dict):
        for name in value:
            yield (*path, name)
            yield from leaves(value[name], (*path, name))
    elif isinstance(value, list) and value:
        yield (*path, 0)
        yield from leaves(value[0], (*path, 0))


def replaced(document: dict, path: tuple, value: object) -> dict:
    """A copy with another value at this path."""
    copy = json.loads(json.dumps(document))
    place = copy
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return copy


def certificates() -> dict[str, bytes]:
    """Texts that claim to be certificates."""
    text = json.dumps(genuine())
    texts = {
        "no JSON": "{",
        "empty text": "",
        "a number": "1",
        "a list": "[]",
        "null": "null",
        "another format": '{"format": "x"}',
        "format of a list": '{"format": ["provenet certificate"]}',
        "deep lists": "[" * 100_000 + "]" * 100_000,
        "deep objects": '{"a":' * 50_000 + "1" + "}" * 50_000,
        "deep inside": text.replace('"grid":', '"grid":' + "[" * 500 + "]" * 500 + ', "more":'),
        "NaN": text.replace('"seed": 0', '"seed": NaN', 1),
        "infinity": text.replace('"seed": 0', '"seed": -Infinity', 1),
        "huge float": text.replace('"seed": 0', '"seed": 1e999', 1),
        "huge integer": text.replace('"seed": 0', '"seed": ' + "9" * 10**6, 1),
        "doubled name": text.replace('"seed": 0', '"seed": 0, "seed": 0', 1),
        "many values": "[" + "0," * 10**6 + "0]",
        "long text": '"' + "x" * 10**7 + '"',
        "many escapes": '"' + "\\u0000" * 10**6 + '"',
        "bundle of nothing": '{"format": "provenet certificates", "certificates": []}',
        "bundle of text": '{"format": "provenet certificates", "certificates": "x"}',
        "pickle": "cos\nsystem\n(S'touch canary'\ntR.",
        "YAML": "!!python/object/apply:os.system ['touch canary']",
        "comment": "// x\n" + text,
    }
    found = {name: one.encode() for name, one in texts.items()}
    return found | {
        "UTF-16": text.encode("utf-16"),
        "null bytes": b"\0" * 100,
        "no UTF-8": b'{"format": "\xff\xfe"}',
        "byte order mark": b"\xef\xbb\xbf" + text.encode(),
    }


def store(path: Path, *statements: str, documents: tuple[str, ...] = ()) -> None:
    """A store of ours in which somebody ran these statements."""
    open_store(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for number, document in enumerate(documents):
            connection.execute(
                "INSERT INTO certificates (seal, digest, document) VALUES ('', ?, ?)", (str(number), document)
            )
        for statement in statements:
            connection.execute(statement)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT "
TABLE = "CREATE TABLE certificates (number INTEGER PRIMARY KEY, seal TEXT, digest TEXT, "
STORES: dict[str, tuple[str, ...]] = {
    "no certificates": (),
    "endless view": (
        "DROP TABLE certificates",
        f"CREATE VIEW certificates AS {ENDLESS} i AS number, 'x' AS seal, 'x' AS document FROM n",
    ),
    "computed column": (
        "DROP TABLE certificates",
        TABLE + "document TEXT AS (hex(zeroblob(400000000))))",
        "INSERT INTO certificates (seal, digest) VALUES ('a', 'b')",
    ),
    "trigger": (
        "CREATE TRIGGER evil AFTER INSERT ON designs BEGIN DELETE FROM cells; END",
        "INSERT INTO designs (seal, document) VALUES ('a', '{}')",
    ),
    "view beside": ("CREATE VIEW evil AS SELECT load_extension('canary.so')",),
    "virtual table": ("CREATE VIRTUAL TABLE evil USING fts5(a)",),
    "missing table": ("DROP TABLE certificates",),
    "another application": ("DROP TABLE certificates", "PRAGMA application_id = 1"),
    "another version": ("PRAGMA user_version = 99",),
    "huge document": ("INSERT INTO certificates VALUES (1, '', '', hex(zeroblob(8000000)))",),
    "blob for text": ("INSERT INTO certificates VALUES (1, '', '', x'00ff')",),
    "number for text": ("INSERT INTO certificates VALUES (1, '', '', 12)",),
}


def stores(folder: Path) -> None:
    """Files that claim to be stores."""
    for name, statements in STORES.items():
        store(folder / f"{name}.store", *statements)
    texts = certificates()
    documents = tuple(
        text.decode() for name, text in texts.items() if name in ("deep lists", "NaN", "a list")
    )
    store(folder / "hostile documents.store", documents=documents)
    (folder / "header only.store").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    whole = (folder / "no certificates.store").read_bytes()
    (folder / "truncated.store").write_bytes(whole[: len(whole) // 2])
    (folder / "noise.store").write_bytes(whole[:120] + os.urandom(len(whole) - 120))
    with closing(sqlite3.connect(folder / "foreign.store")) as connection:
        connection.execute("CREATE TABLE certificates (number INTEGER, document TEXT)")


def write(folder: Path) -> None:
    """Every hostile file into a folder, and what is no file at all."""
    makers: tuple[tuple[str, Callable[[], dict[str, bytes]]], ...] = (
        (".npy", arrays),
        (".json", certificates),
    )
    for suffix, make in makers:
        for name, content in make().items():
            (folder / (name + suffix)).write_bytes(content)
    stores(folder)
    os.mkfifo(folder / "pipe")
    (folder / "zero").symlink_to("/dev/zero")
    (folder / "folder.npy").mkdir()
    (folder / "dangling.json").symlink_to("nowhere")
    (folder / "loop").symlink_to("loop")
