"""Pure: what the kubelet, Prometheus and humans see; no decision reads any of it."""
