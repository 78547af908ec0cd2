"""What the registrar says rests on what is on the disk: group synchronisation, and answers that wait for it.

The disk is slow or broken here by a ``sync`` that the test holds or fails; everything else is real.
"""

import asyncio
import threading

import pytest
from jrc_support import Acme, Pledge, eui64_of, events, make_registrar, running
from test_jrc_rekey import Node, finished

from microbrew.coap import numbers
from microbrew_host.jrc import database as jrc_database
from microbrew_host.jrc.database import Database
from microbrew_host.jrc.durability import GroupSync
from microbrew_host.jrc.journal import Journal
from microbrew_host.jrc.rekey import request_rekey


class Disk:
    """A disk whose syncs are let through one by one, or fail. ``begun``: how many there were."""

    def __init__(self):
        self.begun = 0
        self.broken = False
        self._through = threading.Semaphore(0)

    def sync(self, *_path):
        self.begun += 1
        if not self._through.acquire(timeout=10):
            raise TimeoutError("nobody let this sync through")
        if self.broken:
            raise OSError(5, "Input/output error")

    def let_through(self, count=1):
        self._through.release(count)


async def until(condition):
    """Wait until ``condition()``, 5 s at most."""
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("not so within 5 s")


def test_all_commits_before_a_sync_share_it_and_one_during_it_gets_the_next():
    async def scenario():
        disk = Disk()
        group = GroupSync(disk.sync)
        await group.settled()
        assert disk.begun == 0

        waiting = []
        for _ in range(5):
            group.committed()
            waiting.append(asyncio.create_task(group.settled()))
        await until(lambda: disk.begun == 1)
        # The sync that is under way may have read the log before this.
        group.committed()
        late = [asyncio.create_task(group.settled()) for _ in range(3)]
        disk.let_through()
        await asyncio.gather(*waiting)
        await until(lambda: disk.begun == 2)
        assert not any(task.done() for task in late)
        disk.let_through()
        await asyncio.gather(*late)
        await group.settled()
        assert disk.begun == 2

    asyncio.run(scenario())


def test_a_sync_that_fails_settles_nothing_and_the_next_one_is_tried():
    async def scenario():
        disk = Disk()
        group = GroupSync(disk.sync)
        group.committed()
        disk.broken = True
        disk.let_through(2)
        for _ in range(2):
            with pytest.raises(OSError, match="Input/output"):
                await group.settled()
        disk.broken = False
        disk.let_through()
        await group.settled()
        assert disk.begun == 3

    asyncio.run(scenario())


def test_who_gives_up_waiting_does_not_end_the_sync_of_the_others():
    async def scenario():
        disk = Disk()
        group = GroupSync(disk.sync)
        group.committed()
        first, second = (asyncio.create_task(group.settled()) for _ in range(2))
        await until(lambda: disk.begun == 1)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        disk.let_through()
        await second
        assert disk.begun == 1

    asyncio.run(scenario())


def test_only_commits_that_changed_something_are_synchronised(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(jrc_database, "_sync", synced.append)

    async def scenario():
        database = Database(f"sqlite:///{tmp_path}/jrc.sqlite", group_sync=True)
        journal = Journal(database, line=lambda _line: None)
        await database.settled()
        before = len(synced)
        with database.transaction() as session:
            session.connection().exec_driver_sql("SELECT count(*) FROM events")
        await database.settled()
        assert len(synced) == before
        journal.write("joined", "one")
        journal.write("joined", "two")
        await database.settled()
        assert len(synced) == before + 1
        database.close()

    asyncio.run(scenario())
    assert set(synced) == {f"{tmp_path}/jrc.sqlite-wal"}


@pytest.mark.parametrize(("group_sync", "level"), [(False, 2), (True, 1)])
def test_without_group_sync_each_commit_is_durable_by_itself(tmp_path, group_sync, level):
    database = Database(f"sqlite:///{tmp_path}/jrc.sqlite", group_sync)
    with database.transaction() as session:
        assert session.connection().exec_driver_sql("PRAGMA synchronous").scalar() == level
    asyncio.run(database.settled())
    database.close()


def test_no_protected_answer_leaves_before_the_disk_has_what_it_rests_on(tmp_path, monkeypatch):
    async def scenario(acme):
        async with running(make_registrar(tmp_path, acme.as_new())) as server:
            pledge = await Pledge.behind_proxy(server, acme.device(eui64_of(1)))
            await pledge.enrol()
            disk = Disk()
            monkeypatch.setattr(jrc_database, "_sync", disk.sync)
            pledge.socket.heard.clear()
            joining = asyncio.create_task(pledge.join())
            await until(lambda: disk.begun)
            # It has joined, but does not know yet.
            assert events(server, "joined")
            await asyncio.sleep(0.3)
            assert pledge.socket.heard == []
            disk.let_through(9)
            response, configuration = await joining
            assert response.code == numbers.CHANGED and configuration.keys
            pledge.close()

    with Acme(tmp_path).serving() as acme:
        asyncio.run(scenario(acme))


def test_a_join_that_the_disk_did_not_keep_is_met_with_silence_and_logged(tmp_path, monkeypatch):
    async def scenario(acme):
        async with running(make_registrar(tmp_path, acme.as_new())) as server:
            pledge = await Pledge.behind_proxy(server, acme.device(eui64_of(1)))
            await pledge.enrol()
            lines = []
            server.journal.line = lines.append
            disk = Disk()
            disk.broken = True
            disk.let_through(9)
            monkeypatch.setattr(jrc_database, "_sync", disk.sync)
            pledge.socket.heard.clear()
            joining = asyncio.create_task(pledge.join())
            await until(lambda: any("internal" in line and "Input/output error" in line for line in lines))
            await asyncio.sleep(0.2)
            assert pledge.socket.heard == []
            joining.cancel()
            pledge.close()

    with Acme(tmp_path).serving() as acme:
        asyncio.run(scenario(acme))


def test_a_parameter_update_waits_for_the_disk_too(tmp_path, monkeypatch):
    async def scenario():
        async with running(make_registrar(tmp_path)) as server:
            node = await Node.join(server, 1)
            disk = Disk()
            monkeypatch.setattr(jrc_database, "_sync", disk.sync)
            rekey = request_rekey(server.database, 0)
            await until(lambda: disk.begun)
            await asyncio.sleep(0.3)
            assert node.took == []
            disk.let_through(9)
            await finished(server, rekey)
            assert len(node.took) == 1
            node.pledge.close()

    asyncio.run(scenario())
