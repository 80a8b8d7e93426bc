"""From a request to a job: steering, validation, acceptance, or why not."""
