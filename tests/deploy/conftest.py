from tests.contract.conftest import anyio_backend, api

__all__ = ["anyio_backend", "api"]
