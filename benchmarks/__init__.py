"""How fast Unmask is, each figure beside a reference of the same run: `python -m benchmarks`."""
