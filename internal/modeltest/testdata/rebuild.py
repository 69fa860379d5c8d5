#!/usr/bin/env python3
"""Rebuilds every event's counters and money from the feed alone, as an independent witness.

    rebuild.py FILE            entries, one JSON object a line; - is the standard input
    rebuild.py URL             the feed of all events of a server, such as http://localhost:8080
    rebuild.py URL EVENT...    the feeds of some events

It prints one JSON object a line for each event, by its id. When entries are missing or out of order, or tell what cannot be, it
says so on the standard error and ends with 1. It was written from docs/feed.md, and shares no code with the program.
"""

import json
import sys
import urllib.parse
import urllib.request
from decimal import Decimal

COUNTERS = ("total_tickets", "available", "held", "sold", "pending", "confirmed", "cancelled")
MONEY = ("held_amount", "sold_amount", "charged", "refunded", "owed")


class Fault(Exception):
    """What a feed must never tell."""


def demand(holds, text):
    if not holds:
        raise Fault(text)


class Booking:
    def __init__(self, known):
        self.known = known  # False: it was made before the feed's first entry
        self.state = None
        self.quantity = 0
        self.worth = Decimal(0)  # what it adds to held_amount or sold_amount
        self.expired = False
        self.charges = set()
        self.refunds = {}  # id -> [what is owed, what has gone back]


class Event:
    def __init__(self, event_id):
        self.id = event_id
        self.first = self.last = 0
        self.sums = None
        self.currency = None
        self.opened = False
        self.over = set()  # event.cancelled, event.deleted
        self.bookings = {}

    def entry(self, entry):
        seq = entry["seq"]
        demand(seq >= 1 and entry["facts"], "an entry without a number or without facts")
        if self.sums is None:
            kind = entry["facts"][0]["type"]
            demand(kind == "event.opened" or kind == "event.created" and seq == 1, "it begins with " + kind)
            self.first = seq
        else:
            demand(seq == self.last + 1, "%d comes after %d" % (seq, self.last))
        self.last = seq
        for fact in entry["facts"]:
            self.fact(fact, entry["currency"])
            s = self.sums
            demand(s["available"] + s["held"] + s["sold"] == s["total_tickets"], "tickets do not add up")
            demand(all(n >= 0 for n in s.values()), "a sum is below zero")

    def fact(self, fact, currency):
        kind = fact["type"]
        if kind == "event.opened":
            demand(self.sums is None, "it is opened in its midst")
            self.opened = True
            self.sums = {name: fact[name] for name in COUNTERS}
            self.sums.update({name: Decimal(fact[name]) for name in MONEY})
            self.currency = fact["currency"]
            return
        if kind == "event.created":
            demand(self.sums is None, "it is created twice")
            self.sums = dict.fromkeys(COUNTERS, 0)
            self.sums.update(dict.fromkeys(MONEY, Decimal(0)))
            self.sums["total_tickets"] = self.sums["available"] = fact["total_tickets"]
            self.currency = fact["currency"]
            return
        if kind == "event.edited":
            demand(fact["currency"] == self.currency or not self.bookings, "the currency changes after the first booking")
            s = self.sums
            s["available"] += fact["total_tickets"] - s["total_tickets"]
            s["total_tickets"] = fact["total_tickets"]
            self.currency = fact["currency"]
            return
        if kind in ("event.cancelled", "event.deleted"):
            demand(kind not in self.over, kind + " twice")
            self.over.add(kind)
            return
        demand(currency == self.currency, "an amount in another currency than the event's")
        tell = getattr(self, "_" + kind.replace(".", "_"), None)
        demand(tell, "unknown fact " + kind)
        tell(fact, self.booking(fact, kind == "booking.created"), Decimal(fact["amount"]))

    def booking(self, fact, made):
        b = self.bookings.get(fact["booking_id"])
        if b is None:
            demand(made or self.opened, "booking %s was never made" % fact["booking_id"])
            b = self.bookings[fact["booking_id"]] = Booking(made)
        else:
            demand(not made, "booking %s is made twice" % fact["booking_id"])
        return b

    def goes(self, fact, b, before, after, worth):
        """A booking goes from one state to another, with the tickets and the money that it has."""
        where = "booking %s: " % fact["booking_id"]
        if b.state is not None or b.known:
            demand(b.state == before, where + "%s in state %s" % (fact["type"], b.state))
            demand(before is None or fact["quantity"] == b.quantity, where + "another number of tickets")
        if before in ("PENDING", "CONFIRMED"):
            demand(not b.known or worth == b.worth, where + "%s in place of %s" % (worth, b.worth))
            self.count(before, -1, fact["quantity"], worth)
        if after in ("PENDING", "CONFIRMED"):
            self.count(after, 1, fact["quantity"], worth)
        b.state, b.quantity, b.worth = after, fact["quantity"], worth

    def count(self, state, sign, quantity, worth):
        s = self.sums
        tickets, amount, bookings = {
            "PENDING": ("held", "held_amount", "pending"), "CONFIRMED": ("sold", "sold_amount", "confirmed"),
        }[state]
        s[tickets] += sign * quantity
        s[amount] += sign * worth
        s[bookings] += sign
        s["available"] -= sign * quantity

    def _booking_created(self, fact, b, amount):
        demand("event.cancelled" not in self.over, "a booking of a cancelled event")
        self.goes(fact, b, None, "PENDING", amount)

    def _booking_confirmed(self, fact, b, amount):
        self.goes(fact, b, "PENDING", "CONFIRMED", amount)

    def _booking_cancelled(self, fact, b, amount):
        self.goes(fact, b, fact["previous_status"], "CANCELLED", amount)
        self.sums["cancelled"] += 1
        b.expired = fact["cancel_reason"] == "expired"

    def _booking_restored(self, fact, b, amount):
        demand(b.expired or not b.known, "a booking that had not expired is restored")
        self.goes(fact, b, "CANCELLED", "PENDING", amount)
        self.sums["cancelled"] -= 1

    def _booking_revenue(self, fact, b, amount):
        demand(b.state == "CONFIRMED" or not b.known, "revenue of a booking that is not CONFIRMED")
        b.worth += amount
        self.sums["sold_amount"] += amount

    def _charge_succeeded(self, fact, b, amount):
        demand(fact["payment_id"] not in b.charges, "a charge succeeds twice")
        b.charges.add(fact["payment_id"])
        self.sums["charged"] += amount

    def refund(self, fact, b, amount, owed, back, new=False):
        """Money goes from what is owed to what has gone back, or out of either."""
        demand(amount > 0, "a refund of nothing")
        r = b.refunds.get(fact["payment_id"])
        if r is None:
            demand(new or not b.known, "a refund that nobody knows of: " + fact["type"])
            r = b.refunds[fact["payment_id"]] = [-owed if not new else Decimal(0), -back if not new else Decimal(0)]
        else:
            demand(not new, "one refund twice: " + fact["type"])
        r[0] += owed
        r[1] += back
        demand(not b.known or min(r) >= 0, "more of a refund than there is: " + fact["type"])
        self.sums["owed"] += owed
        self.sums["refunded"] += owed + back

    def _refund_owed(self, fact, b, amount):
        self.refund(fact, b, amount, amount, Decimal(0), new=True)

    def _refund_reduced(self, fact, b, amount):
        self.refund(fact, b, amount, -amount, Decimal(0))

    def _refund_succeeded(self, fact, b, amount):
        self.refund(fact, b, amount, -amount, amount)
        demand(not b.known or b.refunds[fact["payment_id"]][0] == 0, "a refund is given in part")

    def _refund_moved(self, fact, b, amount):
        self.refund(fact, b, amount, Decimal(0), amount, new=True)

    def _refund_failed(self, fact, b, amount):
        self.refund(fact, b, amount, Decimal(0), -amount)

    def result(self):
        """Its sums, once they are seen to be those of its bookings as well, where all of them are known."""
        if not self.opened:
            again = Event(self.id)
            again.sums = dict.fromkeys(COUNTERS + MONEY, 0)
            for b in self.bookings.values():
                if b.state in ("PENDING", "CONFIRMED"):
                    again.count(b.state, 1, b.quantity, b.worth)
            for name in ("held", "sold", "pending", "confirmed", "held_amount", "sold_amount"):
                demand(again.sums[name] == self.sums[name], "%s is not that of its bookings" % name)
            ended = sum(b.state == "CANCELLED" for b in self.bookings.values())
            demand(ended == self.sums["cancelled"], "cancelled is not that of its bookings")
        out = {"event_id": self.id, "currency": self.currency, "first_seq": self.first, "last_seq": self.last}
        out.update({name: self.sums[name] for name in COUNTERS})
        out.update({name: plain(self.sums[name]) for name in MONEY})
        return out


def plain(amount):
    """An amount as a text without zeros that say nothing."""
    text = format(amount, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def load(text):
    return json.loads(text, parse_float=Decimal, parse_int=int)


def pages(url):
    while url:
        with urllib.request.urlopen(url, timeout=60) as answer:
            link = answer.headers.get("Link")
            yield from load(answer.read())
        url = urllib.parse.urljoin(url, link[link.index("<") + 1:link.index(">")]) if link else None


def entries(arguments):
    source, events = arguments[0], arguments[1:]
    if source.startswith(("http://", "https://")):
        base = source.rstrip("/") + "/api/v1/"
        feeds = ["events/%s/feed" % e for e in events] or ["feed"]
        for feed in feeds:
            yield from pages(base + feed + "?limit=500")
        return
    with (sys.stdin if source == "-" else open(source, encoding="utf-8")) as lines:
        for line in lines:
            yield load(line)


def main(arguments):
    if not arguments:
        sys.exit(__doc__)
    events, faults = {}, {}
    for entry in entries(arguments):
        event_id = entry["event_id"]
        event = events.setdefault(event_id, Event(event_id))
        if event_id not in faults:
            try:
                event.entry(entry)
            except (Fault, KeyError, TypeError) as e:
                faults[event_id] = "entry %s: %s" % (entry.get("seq"), e if isinstance(e, Fault) else repr(e))
    for event_id in sorted(events):
        try:
            if event_id not in faults:
                print(json.dumps(events[event_id].result()))
        except Fault as e:
            faults[event_id] = str(e)
    for event_id, text in sorted(faults.items()):
        print("event %s: %s" % (event_id, text), file=sys.stderr)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
