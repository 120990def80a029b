"""Everything that the product can do; knows neither Teams nor HTTP servers."""
