"""Pure: what the kubelet, Prometheus and humans are told; no decision reads any of it."""
