"""What must survive a power cut: the durable buffer, and the box's small documents."""
