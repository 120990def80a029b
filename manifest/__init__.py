"""The Teams app: its manifest, its icons, and the package that admins upload."""
