"""The store on a disk whose power fails at every single operation, and on the real filesystem."""

import os
import unittest

from microbrew.errors import StoreError
from microbrew.identity import store as records
from microbrew.identity.store import MAX_RECORD, MAX_RECORDS, Files, Store


class PowerCut(Exception):
    """Not an OSError: no code runs on a device after this."""


class Disk:
    """Files of a disk in memory. The operation number ``cut`` fails: undone, half done or done as ``how`` says."""

    def __init__(self):
        self.files = {}
        self.unsynced = []
        self.count = 0
        self.cut = -1
        self.how = 0
        self.dead = False
        self.error = None
        self.unreadable = None
        self.asked = None

    def operation(self, before, after=None):
        if self.dead:
            raise PowerCut()
        if self.error is not None:
            raise OSError(self.error, "broken")
        self.count += 1
        if self.count == self.cut:
            self.dead = True
            if self.how == 1 and after is not None:
                after()
            if self.how == 2:
                before()
            raise PowerCut()
        before()

    def reboot(self):
        """What was not synced is lost by half; then all works again."""
        for path in self.unsynced:
            if path in self.files and self.how != 2:
                content = self.files[path]
                self.files[path] = content[: len(content) // 2]
        self.unsynced = []
        self.dead = False
        self.cut = -1

    def open(self, path, mode):
        if mode == "rb":
            if path not in self.files:
                raise OSError(2, "not there")
            return DiskFile(self, path)

        def create():
            self.files[path] = bytearray()
            self.unsynced.append(path)

        self.operation(create)
        return DiskFile(self, path)

    def rename(self, old, new):
        def move():
            self.files[new] = self.files.pop(old)
            if old in self.unsynced:
                self.unsynced.append(new)

        self.operation(move)

    def remove(self, path):
        if path not in self.files:
            raise OSError(2, "not there")

        def remove():
            del self.files[path]

        self.operation(remove)

    def listdir(self, path):
        return [name[len(path) + 1 :] for name in self.files]

    def mkdir(self, path):
        pass

    def sync(self, file):
        def sync():
            self.unsynced = [path for path in self.unsynced if path != file.path]

        self.operation(sync)

    def sync_directory(self, path):
        def nothing():
            pass

        self.operation(nothing)


class DiskFile:
    def __init__(self, disk, path):
        self.disk = disk
        self.path = path
        self.pos = 0

    def write(self, data):
        def whole():
            self.disk.files[self.path].extend(data)

        def half():
            self.disk.files[self.path].extend(data[: len(data) // 2])

        self.disk.operation(whole, half)

    def seek(self, offset, whence=0):
        if self.disk.unreadable == "seek":
            raise OSError(5, "broken")
        self.pos = offset + (len(self.disk.files[self.path]) if whence == 2 else 0)
        return self.pos

    def read(self, size):
        if self.disk.unreadable == "read":
            raise OSError(5, "broken")
        self.disk.asked = size
        return bytes(self.disk.files[self.path][self.pos : self.pos + size])

    def close(self):
        pass


class PowerCuts(unittest.TestCase):
    def every_cut(self, prepare, act, judge):
        """Runs ``act`` with power failing at each of its operations in each way; the number of operations."""
        cut = 1
        while True:
            for how in range(3):
                disk = Disk()
                prepare(Store("d", disk))
                disk.count = 0
                disk.cut = cut
                disk.how = how
                try:
                    act(Store("d", disk))
                    done = True
                except PowerCut:
                    done = False
                finished = not disk.dead
                disk.reboot()
                judge(Store("d", disk), done)
                self.assertEqual([name for name in disk.files if name.endswith(".new")], [])
            if finished:
                return cut - 1
            cut += 1

    def test_a_write_is_whole_or_not_there_at_every_cut(self):
        seen = set()

        def prepare(store):
            store.write("a", {1: b"old"})
            store.write("b", 7)

        def act(store):
            store.write("a", {1: b"new" * 50})

        def judge(store, done):
            value = store.read("a")
            self.assertIn(value, ({1: b"old"}, {1: b"new" * 50}))
            if done:
                self.assertEqual(value, {1: b"new" * 50})
            self.assertEqual(store.read("b"), 7)
            seen.add(len(value[1]))

        operations = self.every_cut(prepare, act, judge)
        self.assertEqual(operations, 5)
        self.assertEqual(seen, {3, 150})

    def test_a_first_write_is_whole_or_not_there_at_every_cut(self):
        def act(store):
            store.write("a", "x")

        def judge(store, done):
            self.assertIn(store.read("a"), ("x",) if done else ("x", None))

        self.assertEqual(self.every_cut(prepare_nothing, act, judge), 5)

    def test_an_erased_record_is_old_or_gone_at_every_cut(self):
        def prepare(store):
            store.write("a", 1)

        def act(store):
            store.erase("a")

        def judge(store, done):
            self.assertIn(store.read("a"), (None,) if done else (1, None))

        self.assertEqual(self.every_cut(prepare, act, judge), 2)

    def test_a_factory_reset_never_leaves_the_network_without_what_belongs_to_it(self):
        def prepare(store):
            for name in ("factory", "network", "seq-link", "seq-cojp", "replay-cojp", "other"):
                store.write(name, {3: name} if name == "factory" else name)

        def act(store):
            store.factory_reset()

        def judge(store, done):
            names = store.names()
            for kept in ("factory", "seq-cojp", "seq-link"):
                self.assertIn(kept, names)
            if "network" in names:
                self.assertEqual(len(names), 6)
            if done:
                self.assertEqual(names, ["factory", "seq-cojp", "seq-link"])
            else:
                store.factory_reset()
                self.assertEqual(store.names(), ["factory", "seq-cojp", "seq-link"])

        self.assertEqual(self.every_cut(prepare, act, judge), 6)


def prepare_nothing(store):
    pass


class Records(unittest.TestCase):
    def setUp(self):
        self.disk = Disk()
        self.store = Store("d", self.disk)

    def test_every_damaged_byte_is_noticed_and_the_record_named(self):
        self.store.write("net", {1: b"abc", 2: [1, 2]})
        good = bytes(self.disk.files["d/net"])
        for i in range(len(good)):
            for damaged in (good[:i], good[:i] + bytes((good[i] ^ 0x10,)) + good[i + 1 :]):
                self.disk.files["d/net"] = bytearray(damaged)
                with self.assertRaises(StoreError) as raised:
                    self.store.read("net")
                self.assertIn("net", str(raised.exception))
        self.disk.files["d/net"] = bytearray(good + b"\x00")
        self.assertRaises(StoreError, self.store.read, "net")

    def test_a_record_under_another_name_is_damaged(self):
        self.store.write("seq-a", 64)
        self.disk.files["d/seq-b"] = self.disk.files["d/seq-a"]
        self.assertRaises(StoreError, self.store.read, "seq-b")

    def test_a_checksum_over_what_is_no_record_does_not_help(self):
        self.disk.files["d/a"] = bytearray(b"\x01" + records._checksum("a", b"\xff") + b"\xff")
        self.assertRaises(StoreError, self.store.read, "a")

    def test_names_are_restricted(self):
        for name in ("", "A", "a.new", "../a", "a/b", "a_b", "a" * 25, "\xe4"):
            self.assertRaises(ValueError, self.store.read, name)
            self.assertRaises(ValueError, self.store.write, name, 1)
            self.assertRaises(ValueError, self.store.erase, name)

    def test_files_that_are_no_records_are_left_alone_and_leftovers_are_cleaned(self):
        self.disk.files["d/README.txt"] = bytearray(b"x")
        self.disk.files["d/net.new"] = bytearray(b"half")
        again = Store("d", self.disk)
        self.assertEqual(again.names(), [])
        self.assertEqual(list(self.disk.files), ["d/README.txt"])

    def test_size_and_count_are_bounded(self):
        self.assertRaises(StoreError, self.store.write, "a", bytes(4090))
        for i in range(MAX_RECORDS):
            self.store.write("r%d" % i, i)
        self.assertRaises(StoreError, self.store.write, "more", 1)
        self.store.write("r0", "replaced")
        self.assertEqual(self.store.read("r0"), "replaced")

    def test_a_record_is_read_into_as_much_memory_as_it_takes(self):
        for length in (1, 200, 4000):
            self.store.write("a", bytes(length))
            self.assertEqual(self.store.read("a"), bytes(length))
            self.assertEqual(self.disk.asked, len(self.disk.files["d/a"]))

    def test_the_longest_record_is_read_and_a_longer_one_is_damaged(self):
        # A checksum of 8 bytes, its version, the head of a byte string.
        self.store.write("a", bytes(MAX_RECORD - 12))
        longest = bytes(self.disk.files["d/a"])
        self.assertEqual(len(longest), MAX_RECORD)
        self.assertEqual(self.store.read("a"), bytes(MAX_RECORD - 12))
        content = b"\x59\x0f\xf5" + bytes(MAX_RECORD - 11)
        self.disk.files["d/a"] = bytearray(b"\x01" + records._checksum("a", content) + content)
        self.assertRaises(StoreError, self.store.read, "a")
        self.disk.files["d/a"] = bytearray(longest + bytes(100000))
        self.assertRaises(StoreError, self.store.read, "a")
        self.assertEqual(self.disk.asked, MAX_RECORD + 1)

    def test_an_empty_file_is_a_damaged_record(self):
        self.disk.files["d/a"] = bytearray()
        self.assertRaises(StoreError, self.store.read, "a")

    def test_a_record_that_cannot_be_read_is_a_store_error(self):
        self.store.write("a", 1)
        for operation in ("seek", "read"):
            self.disk.unreadable = operation
            self.assertRaises(StoreError, self.store.read, "a")

    def test_a_failing_medium_is_a_store_error(self):
        self.store.write("a", 1)
        self.disk.error = 5
        for function, arguments in ((self.store.write, ("a", 2)), (self.store.erase, ("a",))):
            self.assertRaises(StoreError, function, *arguments)
        self.disk.error = None
        self.assertEqual(self.store.read("a"), 1)

    def test_erasing_what_is_not_there_is_fine(self):
        self.store.erase("nothing")
        self.assertIsNone(self.store.read("nothing"))

    def test_a_factory_reset_keeps_replay_windows_whose_keys_survive(self):
        for factory in ({6: b"psk"}, "no map", 5, None):
            if factory is None:
                self.store.erase("factory")
            else:
                self.store.write("factory", factory)
            self.store.write("replay-cojp", [0, 1])
            self.store.write("network", 1)
            self.store.factory_reset()
            self.assertEqual(self.store.read("replay-cojp"), [0, 1])
            self.assertIsNone(self.store.read("network"))

    def test_a_factory_reset_works_with_damaged_records(self):
        self.store.write("network", 1)
        self.store.write("factory", {3: b""})
        for path in self.disk.files:
            self.disk.files[path][-1] ^= 1
        self.store.factory_reset()
        self.assertEqual(self.store.names(), ["factory"])


class RealFiles(unittest.TestCase):
    def setUp(self):
        # On a board whose filesystem is not at / there is no /tmp, but tmp in its filesystem, where it starts.
        directory = "/tmp" if "tmp" in os.listdir("/") else "tmp"  # noqa: S108
        self.path = "%s/microbrew-store-test-%s" % (directory, "".join(["%02x" % b for b in os.urandom(6)]))

    def tearDown(self):
        for name in os.listdir(self.path):
            os.remove(self.path + "/" + name)
        os.rmdir(self.path)

    def test_records_survive_a_new_store(self):
        store = Store(self.path)
        value = {1: "serial", 2: bytes(8), 3: [None, True, -5, 1 << 40]}
        store.write("factory", value)
        store.write("factory", value)
        store.write("seq-link", 64)
        again = Store(self.path, Files())
        self.assertEqual(again.names(), ["factory", "seq-link"])
        self.assertEqual(again.read("factory"), value)
        again.erase("seq-link")
        self.assertEqual(os.listdir(self.path), ["factory"])
        self.assertIsNone(again.read("seq-link"))

    def test_records_of_every_size_are_read_and_one_that_has_grown_is_damaged(self):
        store = Store(self.path)
        for length in (0, 1, 100, 1000, MAX_RECORD - 12):
            store.write("a", bytes(length))
            self.assertEqual(store.read("a"), bytes(length))
        with open(self.path + "/a", "ab") as file:
            file.write(b"x")
        self.assertRaises(StoreError, store.read, "a")
        with open(self.path + "/a", "wb") as file:
            pass
        self.assertRaises(StoreError, store.read, "a")

    def test_a_leftover_of_an_interrupted_write_is_removed(self):
        Store(self.path)
        with open(self.path + "/a.new", "wb") as file:
            file.write(b"half")
        Store(self.path)
        self.assertEqual(os.listdir(self.path), [])
