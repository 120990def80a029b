"""The Teams interface: the only package that may import the Bot Framework SDK."""
