"""What browsers load from /static."""

import httpx
import pytest

pytestmark = pytest.mark.anyio


async def test_the_client_module_is_served_as_a_script_that_is_kept_and_asked_after(api: httpx.AsyncClient) -> None:
    answer = await api.get("/static/client.js")
    assert answer.status_code == 200
    assert answer.headers["content-type"].split(";")[0] in ("text/javascript", "application/javascript")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = await api.get("/static/client.js", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_every_part_of_the_client_module_is_there(api: httpx.AsyncClient) -> None:
    wanted, seen = ["/static/client.js"], set[str]()
    while wanted:
        path = wanted.pop()
        seen.add(path)
        answer = await api.get(path)
        assert answer.status_code == 200, path
        imports = [line.split('from "')[1].split('"')[0] for line in answer.text.splitlines() if ' from "./' in line]
        wanted += {str(httpx.URL(f"http://x{path}").join(name).path) for name in imports} - seen
    assert len(seen) == 8


@pytest.mark.parametrize("wanted", ["bytes=0-4", "bytes=999999-", "bytes=x", "lines=1"])
async def test_a_part_of_a_file_is_the_whole_file(api: httpx.AsyncClient, wanted: str) -> None:
    answer = await api.get("/static/page.css", headers={"Range": wanted})
    assert answer.status_code == 200
    assert answer.content == (await api.get("/static/page.css")).content
