"""The timeline of every call: one shape of event, kept, streamed, exported."""
