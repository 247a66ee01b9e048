"""The calls database. Slow to import (SQLAlchemy): only `opening.py` does, in a thread."""
