"""How the container images are built; one folder an image, with its Dockerfile."""
