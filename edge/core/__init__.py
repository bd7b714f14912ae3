"""What the box decides, without touching the world: no thread, file, socket, or clock of its own."""
