"""How the container images are built; one folder for each image, with its Dockerfile."""
