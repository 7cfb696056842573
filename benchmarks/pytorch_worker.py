"""The PyTorch side of benchmarks/linear_networks.py: the usual training script, timed on request."""

import json
import sys
import time
from itertools import pairwise

import torch

STEP_SIZE = 1e-3


def train(widths: list[int], examples: int, steps: int) -> float:
    """The last loss of a linear network of these widths, by autograd and the SGD class."""
    inputs = torch.randn(examples, widths[0], dtype=torch.float64)
    targets = torch.randn(examples, widths[-1], dtype=torch.float64)
    layers = [
        torch.nn.Linear(before, after, bias=False, dtype=torch.float64) for before, after in pairwise(widths)
    ]
    network = torch.nn.Sequential(*layers)
    optimizer = torch.optim.SGD(network.parameters(), lr=STEP_SIZE)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = ((targets - network(inputs)) ** 2).sum() / 2
        loss.backward()
        optimizer.step()
    return float(loss)


def main() -> None:
    """Answer until the input ends."""
    for line in sys.stdin:
        request = json.loads(line)
        begun = time.perf_counter()
        for _ in range(request["runs"]):
            train(request["widths"], request["examples"], request["steps"])
        print(json.dumps({"seconds": time.perf_counter() - begun}), flush=True)


if __name__ == "__main__":
    main()
