"""Finds a work order by its number with the answer in XML.

    SWITCHGRID_URL=http://127.0.0.1:8080 SWITCHGRID_TOKEN=... python3 orders_xml.py NUMBER

Prints the title of the order. Python's own library is all it needs.
"""

import os
import sys
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree

URL = os.environ["SWITCHGRID_URL"]
TOKEN = os.environ["SWITCHGRID_TOKEN"]
# Elements of problems have a name space (RFC 9457, appendix B); those of answers have none.
MESSAGE = "{*}message"


def ask(path):
    """One request; what goes wrong is told in XML too."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "application/xml"}
    request = urllib.request.Request(URL + path, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return xml.etree.ElementTree.fromstring(answer.read())
    except urllib.error.HTTPError as error:
        problem = xml.etree.ElementTree.fromstring(error.read())
        sys.exit(f"{error.code}: {problem.findtext(MESSAGE)}")


def main():
    query = urllib.parse.urlencode({"number": sys.argv[1]})
    answer = ask(f"/api/v1/orders?{query}")
    orders = answer.findall("./orders/item")
    if not orders:
        sys.exit("there is no such order")
    print(orders[0].findtext("title"))


main()
