"""What happens in calls, on its way to the proxy's timeline: a file is the queue between them."""
