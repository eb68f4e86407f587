"""The article's scenes, played on a rehearsed stack."""
