"""What clients read, as JSON: jobs and problems, the same from every process and in every channel."""
