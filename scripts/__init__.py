"""What `make` runs besides the tools: the environment, the generated pages, the links.

Nothing here is shipped. Read next: `CONTRIBUTING.md`.
"""
