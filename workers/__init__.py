"""Workers: arq processes that consume the lanes and call the services."""
