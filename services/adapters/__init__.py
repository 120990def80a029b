"""One module per outside system; each implements a port and imports no other adapter."""
