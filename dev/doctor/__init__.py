"""./scripts/doctor: what is wrong with this system, found without a browser and without a call."""
