"""The page to look at: a rehearsed mesh or a ramp in a browser, served on loopback."""
