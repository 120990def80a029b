"""What the routes return, by noun. The OpenAPI document is made from these models.

Amounts are decimal strings with two places, days are ISO dates, instants are in UTC.
"""
