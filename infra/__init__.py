"""Google Cloud: APIs, network, cluster, IAM, image registry and load balancer."""
