"""Links to one report: what they open, until when, and that none can be made up."""

from dataclasses import replace

import pytest

from service.core.clients import Core
from service.core.foundation.errors import ServiceError
from service.core.resources import shares


def test_a_link_opens_what_it_names_until_it_ends(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    shared, signature = shares.share(core, "job_1", "ours")
    assert shares.opened_by(core, shared, signature).tenant == "ours"
    for other in (
        replace(shared, job="job_2"),
        replace(shared, tenant="theirs"),
        replace(shared, until=shared.until + 1),
    ):
        with pytest.raises(ServiceError, match="opens nothing"):
            shares.opened_by(core, other, signature)
    monkeypatch.setattr("service.core.resources.shares.time.time", lambda: shared.until + 1)
    with pytest.raises(ServiceError, match="opens nothing"):
        shares.opened_by(core, shared, signature)


def test_all_fronts_sign_alike_and_a_new_secret_ends_all(core: Core) -> None:
    shared, signature = shares.share(core, "job_1", "ours")
    assert shares.opened_by(core.acting_for("theirs"), shared, signature).tenant == "ours"
    core.storage.delete(shares.SECRET)
    with pytest.raises(ServiceError, match="opens nothing"):
        shares.opened_by(core, shared, signature)
