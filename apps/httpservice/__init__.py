"""What the three services share: an HTTP/1.1 server, a pooled client, settings, logs, shutdown."""
