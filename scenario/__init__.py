"""What a system is asked to bear: a file that is simulated, planned for and driven alike."""
