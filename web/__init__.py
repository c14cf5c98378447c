"""What every part of the web shares: who may call a route, and what monitors read."""
