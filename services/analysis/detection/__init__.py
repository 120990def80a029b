"""Detection of cost anomalies: daily, from the past alone, without I/O or clock."""
