"""Find the peers of a pod by the SRV records of its headless Service, and run hooks with them."""
