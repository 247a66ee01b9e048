"""The Letta server process: runs in .venv-letta, where the rest of this project cannot run."""
