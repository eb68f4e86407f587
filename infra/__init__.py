"""What Google Cloud gives: APIs, network, cluster, IAM and the image registry."""
