"""Moves a work order on over the plain socket: a line of JSON asks, a line of JSON answers.

    SWITCHGRID_SOCKET=127.0.0.1:8090 SWITCHGRID_TOKEN=... python3 orders_socket.py NUMBER

Prints what has become of the order. Python's own library is all it needs.
"""

import json
import os
import socket
import sys
import urllib.parse

HOST, PORT = os.environ["SWITCHGRID_SOCKET"].rsplit(":", 1)
TOKEN = os.environ["SWITCHGRID_TOKEN"]


class Lines:
    """A connection; the token goes with the first line and holds for those after it."""

    def __init__(self):
        self.connection = socket.create_connection((HOST, int(PORT)), timeout=30)
        self.lines = self.connection.makefile("rw", encoding="utf-8", newline="\n")
        self.asked = 0

    def ask(self, path, **more):
        self.asked += 1
        line = {"id": self.asked, "path": path, **more}
        if self.asked == 1:
            line["token"] = TOKEN
        self.lines.write(json.dumps(line) + "\n")
        self.lines.flush()
        answer = json.loads(self.lines.readline())
        assert answer["id"] == self.asked, "answers come in the order of the questions"
        if answer["status"] >= 400:
            sys.exit(f"{answer['status']}: {answer['body']['message']}")
        return answer["body"]


def main():
    lines = Lines()
    query = urllib.parse.urlencode({"number": sys.argv[1]})
    orders = lines.ask(f"/api/v1/orders?{query}")["orders"]
    if not orders:
        sys.exit("there is no such order")
    steps = f"/api/v1/orders/{orders[0]['id']}/steps"
    order = lines.ask(steps, method="POST", body={"action": "start"})
    print(order["status"])


main()
