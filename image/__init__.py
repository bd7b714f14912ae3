"""How a box is installed, packaged, and its card made."""
