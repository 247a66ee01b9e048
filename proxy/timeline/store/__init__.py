"""The calls database. Slow to import (SQLAlchemy): only `database.py` does, in a thread."""
