"""What every room stands on; it imports nothing of ours.

Launchers and Letta's own environment use `logs`, `redaction`, `known_secrets`, `vitals` and
`events`, so these need the standard library only.
"""

import os

# ONNX Runtime tells its maker what it is used for, unless it knows better before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
# Between two products of matrices OpenBLAS's threads go on looking for work, on all cores; ours are
# so small that one thread is as quick.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
