"""How work behaves while it lasts: what it does about others who do the same at that moment."""
