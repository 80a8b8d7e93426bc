import pytest

from loadtest import drive


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs begin at once."""
    monkeypatch.setattr(drive, "LEAD_SECONDS", 0.02)
