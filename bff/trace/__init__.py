"""What is being done, for which job and in which trace: for logs, for OpenTelemetry, and to be passed on."""
