"""Importing the laboratory changes nothing, and it works in single precision as well."""

import subprocess
import sys

PROGRAM = """
import pkgutil, importlib
import numerics
names = [module.name for module in pkgutil.iter_modules(numerics.__path__)]
assert len(names) >= 9, names
import jax, jax.numpy as jnp
before = dict(jax.config.values)
for name in names:
    importlib.import_module(f"numerics.{name}")
changed = {key for key in before if jax.config.values[key] != before[key]}
assert not changed, changed
assert not jax.config.jax_enable_x64
from numerics.networks import Network, apply, initialize
network = Network((3, 4, 1), jnp.tanh, bias_scale=1.0)
assert apply(network, initialize(network, jax.random.key(0)), jnp.ones(3)).dtype == jnp.float32
"""


def test_import_leaves_the_configuration_alone(monkeypatch):
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    monkeypatch.delenv("JAX_ENABLE_X64", raising=False)
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
