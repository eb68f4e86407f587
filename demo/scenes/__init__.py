"""The scenes of the demo: what a person is shown, in figures, and what must hold."""
