"""The Teams door: the only package that may import the Bot Framework SDK."""
