"""Ways of installing: thin, each tested."""
