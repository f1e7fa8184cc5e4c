"""Case 10: several developers on one pod."""

import pytest

from harness.local_program import LocalProgram
from harness.sidecar import Refused

MOST = 8  # --max-mirrors, by default.


def test_each_gets_everything_and_ends_only_its_own(installed, pair):
    target, client = pair
    before = len(target.connections())
    address = installed.address_of_this_machine()
    with LocalProgram("0.0.0.0") as anas, LocalProgram("0.0.0.0") as bens, \
            target.sidecar("ana") as ana, target.sidecar("ben") as ben:
        first = ana.wake(f"{address}:{anas.port}")
        second = ben.wake(f"{address}:{bens.port}")
        client.load(target, 100)
        ana.settled(first, 10)
        ben.settled(second, 10)
        assert anas.digests() == bens.digests() == target.digests(before)

        with pytest.raises(Refused) as refused:
            ana.sleep(second)
        assert refused.value.status == 403 and "ben" in refused.value.body
        assert [each["id"] for each in ana.sleep_all()] == [first]
        assert ben.mirror(second)["state"] == "active"

        client.load(target, 50)
        ben.settled(second, 15)
        ended = ben.sleep(second)
        assert bens.digests() == target.digests(before)
        assert len(anas.digests()) == 10
        assert ended["ledger"]["connections"]["delivered"] == 15
        assert ana.status()["state"] == "asleep"


def test_one_beyond_the_limit_is_told_who_has_the_others(installed, pair):
    target = pair[0]
    with LocalProgram("0.0.0.0") as program, target.sidecar("ana") as ana, \
            target.sidecar("ben") as ben, target.sidecar("cid") as cid:
        to = f"{installed.address_of_this_machine()}:{program.port}"
        woken = [(ana, ben)[number % 2].wake(to) for number in range(MOST)]
        with pytest.raises(Refused) as refused:
            cid.wake(to)
        assert refused.value.status == 409
        assert "ana 4" in refused.value.body and "ben 4" in refused.value.body
        # One that goes makes room for one.
        ana.sleep(woken[0])
        cid.wake(to)
        for developer in (ana, ben, cid):
            developer.sleep_all()
        assert ana.status()["state"] == "asleep"
