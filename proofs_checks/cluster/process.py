"""A local worker process: ``python -m proofs_checks.cluster.process ADDRESS FOLDER NAME``.

It lives as long as the pipe to the process that started it.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from pathlib import Path


def main() -> None:
    """Serve the scheduler at ADDRESS; ``FOLDER/NAME.ready`` appears when it knows this worker."""
    address, folder, name = sys.argv[1:]
    threading.Thread(target=_end_with_parent, daemon=True).start()
    asyncio.run(_serve(address, Path(folder), name))


def _end_with_parent() -> None:
    """Wait for the end of the pipe, which comes however the parent ends: nobody else needs this process."""
    sys.stdin.buffer.read()
    os._exit(0)


async def _serve(address: str, folder: Path, name: str) -> None:
    from distributed import Worker

    # No limit of Dask's: what a cell needs is predicted from what the machine has left, as in one process.
    settings = {"nthreads": 1, "memory_limit": 0, "dashboard": False, "host": "127.0.0.1"}
    async with Worker(address, name=name, local_directory=str(folder), **settings) as worker:
        (folder / f"{name}.ready").touch()
        await worker.finished()


if __name__ == "__main__":
    main()
