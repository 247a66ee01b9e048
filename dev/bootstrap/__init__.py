"""From a bare Python to a running module: environments, the page's packages, long steps.

Standard library only: this runs before any package is installed.
"""
