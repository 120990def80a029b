"""The REST interface: routes, requests and responses, OpenAPI, keys, problem+json and pages."""
