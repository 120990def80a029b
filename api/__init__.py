"""The REST door: routes, request models, problem+json and the pages a browser shows."""
