"""Task queues that process requests instead of the view."""
