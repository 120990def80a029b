"""MongoDB through motor: one module per group of collections."""
