"""What the docs site has beside the pages of `docs/`: tables made from the code, and pages of the repository."""
