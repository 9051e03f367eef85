# SPDX-License-Identifier: Apache-2.0
"""A TCP relay on loopback that cuts connections after a random number of bytes: mid-segment, mid-record, mid-anything."""
import random
import selectors
import socket
import threading


class Cutter:
    """Relays to 127.0.0.1:`target`; while `cutting`, each connection lives for at most `most_bytes`."""

    def __init__(self, target, most_bytes, seed):
        self.target = target
        self.most_bytes = most_bytes
        self.random = random.Random(seed)
        self.cutting = True
        self.cuts = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(0.2)
        self.port = self.listener.getsockname()[1]
        self.stopping = False
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        workers = []
        while not self.stopping:
            try:
                client, _ = self.listener.accept()
            except TimeoutError:
                continue
            worker = threading.Thread(target=self._relay, args=(client,), daemon=True)
            worker.start()
            workers.append(worker)
        for worker in workers:
            worker.join(5)

    def _relay(self, client):
        budget = self.random.randrange(1, self.most_bytes)
        try:
            server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
        except OSError:
            client.close()
            return
        with client, server, selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            while not self.stopping:
                for key, _ in ready.select(0.2):
                    try:
                        data = key.fileobj.recv(65536)
                        if self.cutting and len(data) > budget:
                            key.data.sendall(data[:budget])
                            self.cuts += 1
                            return
                        if not data:
                            return
                        key.data.sendall(data)
                    except OSError:
                        return
                    budget -= len(data)

    def stop(self):
        self.stopping = True
        self.thread.join()
        self.listener.close()
