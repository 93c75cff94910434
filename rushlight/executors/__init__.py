"""How a graph is computed: `queue` holds what is recorded and not yet run, and realizes it; `reference` runs it on NumPy."""
