"""The worker's main process: registration, job processes, status, figures, takeover."""
