"""Makes a work order over HTTP with JSON, notes something in it, and finds it again.

    SWITCHGRID_URL=http://127.0.0.1:8080 SWITCHGRID_TOKEN=... python3 orders_http.py TITLE

Prints the number of the order. Python's own library is all it needs.
"""

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
import uuid

URL = os.environ["SWITCHGRID_URL"]
TOKEN = os.environ["SWITCHGRID_TOKEN"]


def ask(path, body=None, key=None):
    """One request; what goes wrong is told as the box tells it."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    if body is not None:
        body = json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
    if key is not None:
        # Sent again under its key, a request is not carried out again.
        headers["Idempotency-Key"] = key
    request = urllib.request.Request(URL + path, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        sys.exit(f"{error.code}: {json.load(error)['message']}")


def main():
    title = sys.argv[1]
    key = str(uuid.uuid4())
    new = {"kind": "报修", "title": title}
    order = ask("/api/v1/orders", new, key)
    again = ask("/api/v1/orders", new, key)
    assert order["id"] == again["id"], "one order, however often it is sent"
    ask(f"/api/v1/orders/{order['id']}/steps", {"action": "note", "note": "by a program"})
    found = ask("/api/v1/orders?" + urllib.parse.urlencode({"number": order["number"]}))
    assert found["orders"][0]["title"] == title
    print(order["number"])


main()
