"""How the Debian packages are made."""
