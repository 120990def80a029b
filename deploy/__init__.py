"""Ways to install the agent: thin, each tested."""
