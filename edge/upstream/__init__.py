"""The receiving side: the reference consumer. It never imports the runtime."""
