import pytest

from bff.broker.contact import Contact


def test_that_the_broker_is_away_is_said_once_and_that_it_is_back_once(caplog: pytest.LogCaptureFixture) -> None:
    contact = Contact("duty expire")
    with caplog.at_level("INFO"):
        contact.made()
        for _ in range(2):
            contact.lost("no answer")
            contact.lost("no answer")
            contact.made()
            contact.made()
    said = ["duty expire waits for the broker: no answer", "duty expire: the broker answers again"]
    assert [record.getMessage() for record in caplog.records] == said * 2
