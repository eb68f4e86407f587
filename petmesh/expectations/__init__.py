"""A mesh's tests as data: who asks what, what must come, and what no test reached."""
