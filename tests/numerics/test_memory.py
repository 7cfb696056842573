"""What is left of the memory, read from the files of a made-up machine."""

from unittest.mock import Mock

import jax
import pytest

from numerics.memory import OutOfMemory, free_bytes, free_host_bytes

MEBIBYTE = 2**20


@pytest.fixture
def machine(tmp_path):
    """Write the files of a machine with 1000 MiB available; further files by their path."""

    def write(files):
        available = {"proc/meminfo": f"MemTotal: 9 kB\nMemAvailable: {1000 * 1024} kB\n"}
        for name, text in {**available, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


def test_without_groups_the_machine_counts(machine):
    assert free_host_bytes(machine({})) == 1000 * MEBIBYTE
    unlimited = {
        "proc/self/cgroup": "0::/one\n",
        "sys/fs/cgroup/one/memory.max": "max\n",
        "sys/fs/cgroup/one/memory.current": "5\n",
    }
    assert free_host_bytes(machine(unlimited)) == 1000 * MEBIBYTE


def test_the_tightest_group_around_the_process_counts(machine):
    files = {
        "proc/self/cgroup": "0::/slice/job\n",
        "sys/fs/cgroup/slice/job/memory.max": f"{600 * MEBIBYTE}\n",
        "sys/fs/cgroup/slice/job/memory.current": f"{100 * MEBIBYTE}\n",
        "sys/fs/cgroup/slice/memory.max": f"{400 * MEBIBYTE}\n",
        "sys/fs/cgroup/slice/memory.current": f"{300 * MEBIBYTE}\n",
        # 50 MiB of what is in use only cache files.
        "sys/fs/cgroup/slice/memory.stat": f"anon 7\ninactive_file {50 * MEBIBYTE}\n",
    }
    assert free_host_bytes(machine(files)) == 150 * MEBIBYTE
    full = {"sys/fs/cgroup/slice/memory.current": f"{500 * MEBIBYTE}\n"}
    assert free_host_bytes(machine({**files, **full})) == 0


def test_the_first_version_of_the_interface(machine):
    files = {
        "proc/self/cgroup": "5:cpu:/elsewhere\n4:memory:/job\n0::/\n",
        "sys/fs/cgroup/memory/job/memory.limit_in_bytes": f"{300 * MEBIBYTE}\n",
        "sys/fs/cgroup/memory/job/memory.usage_in_bytes": f"{100 * MEBIBYTE}\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        "sys/fs/cgroup/memory/memory.usage_in_bytes": "1\n",
    }
    assert free_host_bytes(machine(files)) == 200 * MEBIBYTE


def test_a_group_seen_from_inside_a_container(machine):
    """Its own path is not visible there; its files are those of the top."""
    files = {
        "proc/self/cgroup": "0::/../../host/path\n",
        "sys/fs/cgroup/memory.max": f"{300 * MEBIBYTE}\n",
        "sys/fs/cgroup/memory.current": f"{100 * MEBIBYTE}\n",
    }
    assert free_host_bytes(machine(files)) == 200 * MEBIBYTE


def test_this_machine_reports_something_plausible():
    assert 2**20 < free_bytes(jax.devices("cpu")[0]) < 2**50
    assert free_host_bytes() > 0


def test_a_device_counts_what_it_reports():
    device = Mock(spec=jax.Device, platform="gpu")
    device.memory_stats.return_value = {"bytes_limit": 100, "bytes_in_use": 30}
    assert free_bytes(device) == 70
    device.memory_stats.return_value = None
    assert free_bytes(device) == 4 * 2**30


def test_the_message_has_both_figures():
    assert str(OutOfMemory(int(12.34 * 2**30), 8 * 2**30)) == "needs 12.3 GiB, 8.0 GiB are free"
