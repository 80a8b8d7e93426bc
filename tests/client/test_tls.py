"""By https, every channel, with certificates of one's own."""

import ssl
import subprocess
from pathlib import Path

import pytest

from bff_client import Channel, Client, Unreachable
from tests.client.conftest import HASTY
from tests.client.front import Kind, front_of
from tests.contract.calls import HI
from tests.contract.stack import Up

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("quick")]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For 127.0.0.1, signed by itself; the key is in the same file."""
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    key = file.with_name("key.pem")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test"
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command.split(), "-keyout", key, "-out", file, *names], check=True, capture_output=True)
    file.write_text(file.read_text() + key.read_text())
    return file


async def test_certificates_that_are_trusted_serve_every_channel_and_others_none(stack: Up, certificate: Path) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    trusted = ssl.create_default_context(cafile=str(certificate))
    async with front_of(stack.gateway_url, server) as front:
        url = front.url.replace("http://", "https://")
        async with Client(url, tls=trusted, patience=HASTY) as bff:
            for channel in Channel:
                assert (await bff.run("echo", HI, timeout=20, channels=[channel])).succeeded
        assert all(front.seen[Kind(channel)] for channel in Channel)
        async with Client(url, attempts=1) as stranger:
            with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
                await stranger.submit("echo", HI)
