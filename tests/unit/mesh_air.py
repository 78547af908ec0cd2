"""A link in memory for tests of the layers above the MAC: who hears whom is a set of pairs, time is virtual."""


class Air:
    """Carries frames between ``MemoryLink``s, one each millisecond; ``frames`` keeps all that were sent."""

    def __init__(self):
        self.now = 0
        self.links = {}
        self.cut = set()
        self.frames = []
        self.queue = []

    def link(self, eui64):
        self.links[eui64] = MemoryLink(self, eui64)
        return self.links[eui64]

    def run(self, pollers=(), until=None):
        """Deliver all that is queued; with ``until`` (ms), let time pass and poll as well."""
        while True:
            if self.queue:
                self.now += 1
                self.deliver(self.queue.pop(0))
            elif until is None or self.now >= until:
                return
            else:
                dues = [due for due in [poll(self.now) for poll in pollers] if due is not None]
                if not self.queue:
                    self.now = min(dues + [until]) if min(dues + [until]) > self.now else self.now + 1
                continue
            for poll in pollers:
                poll(self.now)

    def deliver(self, entry):
        src, dst, payload, secured, done = entry
        heard = dst in self.links and (src, dst) not in self.cut
        if heard and self.links[dst].on_data is not None:
            self.links[dst].on_data(src, memoryview(payload), secured, 255, self.now)
        if done is not None:
            done(heard, self.now)


class MemoryLink:
    """What Network needs of mac/link.py Link."""

    def __init__(self, air, eui64):
        self.air = air
        self.eui64 = eui64
        self.on_data = None

    def room(self, secured):
        return 89 if secured else 102

    def send(self, dst, payload, secured, now, done=None):
        assert len(payload) <= self.room(secured)
        entry = (self.eui64, dst, bytes(payload), secured, done)
        self.air.frames.append(entry)
        self.air.queue.append(entry)
        return True


def random(length):
    """The same "random" bytes each time."""
    return bytes([7] * length)
