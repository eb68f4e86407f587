"""The parts of one stack: each makes components of the settings and of the parts before it."""
