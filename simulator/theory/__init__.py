"""Queues and spikes in closed form."""
