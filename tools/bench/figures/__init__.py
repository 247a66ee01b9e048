"""One measurement a file: `async def measure(bench) -> Result`."""
