"""What Prometheus reads: the metrics, what a server reports of its work, and the text format."""
