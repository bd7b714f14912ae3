"""Simulated devices that ship with the product: the demo and the tests read them through the real drivers."""
