"""Detection of cost anomalies: daily, causal, without input, output or clock."""
