"""What is seen of the mesh: metrics, alerts, a dashboard, the mesh's graph, traces."""
