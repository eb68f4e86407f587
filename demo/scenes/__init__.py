"""The scenes of the demo, one file each: the figures that it shows, and the expected results."""
