"""How a box that was flashed is updated, and the bundle that does it."""
