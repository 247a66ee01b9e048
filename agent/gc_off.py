"""Imported before agent/preload.py, which switches the collector on again.

Importing makes hundreds of thousands of objects and leaves no garbage: looking for it takes a tenth
of the time.
"""

import gc

gc.disable()
