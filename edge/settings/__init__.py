"""The configuration: declared once as typed structs, checked with the place of each fault."""
