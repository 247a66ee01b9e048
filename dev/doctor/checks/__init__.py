"""One file a thing that is looked at. Each check returns findings and never raises for what is
wrong outside of it."""
