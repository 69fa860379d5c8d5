"""Makes a first sale through the Python client that openapi-python-client makes of the OpenAPI document (see
clients_test.go). For each amount of the table on its standard input it prints what it read, as JSON."""

import json
import sys
import time
from datetime import datetime, timedelta, timezone

from quantix_client import Client
from quantix_client.api.bookings import cancel_booking, create_booking, get_booking, list_user_bookings
from quantix_client.api.events import create_event, update_event
from quantix_client.api.users import create_user
from quantix_client.models import (
    BookingCreate, BookingStatus, CancelReason, ErrorCode, EventClearable, EventCreate, EventUpdate, PaymentStatus,
    UserCreate,
)


def new_event(client, row):
    begins = datetime.now(timezone.utc) + timedelta(days=365)
    return create_event.sync(client=client, body=EventCreate(
        name="Concert", date_time=begins, total_tickets=3, ticket_price=float(row["amount"]), currency=row["currency"]))


def written(amount, decimals):
    text = f"{amount:.{decimals}f}"
    assert float(text) == amount, f"{amount!r} has more decimals than its currency"
    return text


def sell(client, user, row):
    event = new_event(client, row)
    again = update_event.sync(event.id, client=client, body=EventUpdate(ticket_price=event.ticket_price))
    assert again.updated_at == event.updated_at, "the price that was read changed the event when it was sent back"
    booking = create_booking.sync(client=client, body=BookingCreate(event_id=event.id, user_id=user.id, quantity=1))
    for _ in range(600):
        now = get_booking.sync(booking.id, client=client)
        if now.status == BookingStatus.CONFIRMED and now.payment.status == PaymentStatus.SUCCEEDED:
            amounts = {"price": event.ticket_price, "unit": now.unit_price, "total": now.total_amount}
            return {name: written(amount, row["decimals"]) for name, amount in amounts.items()}
        time.sleep(0.05)
    raise AssertionError("the booking was not confirmed")


def tell_apart(client, user):
    event = new_event(client, {"amount": "75.50", "currency": "USD"})
    refused = create_booking.sync(client=client, body=BookingCreate(event_id=event.id, user_id=user.id, quantity=5))
    assert refused.code == ErrorCode.INSUFFICIENT_TICKETS and refused.available == 3, refused
    booking = create_booking.sync(client=client, body=BookingCreate(event_id=event.id, user_id=user.id, quantity=1))
    assert booking.cancel_reason is None, booking
    cancelled = cancel_booking.sync(booking.id, client=client)
    assert cancelled.status is BookingStatus.CANCELLED and cancelled.cancel_reason is CancelReason.USER, cancelled
    found = list_user_bookings.sync(user.id, client=client, status=BookingStatus.CANCELLED)
    assert len(found) == 1, found
    assert update_event.sync(event.id, client=client, body=EventUpdate(sales_end=event.created_at)).sales_end is not None
    cleared = update_event.sync(event.id, client=client, body=EventUpdate(clear=[EventClearable.SALES_END]))
    assert cleared.sales_end is None, cleared


def main():
    client = Client(base_url=sys.argv[1])
    user = create_user.sync(client=client, body=UserCreate(name="John Doe", email="python@example.com"))
    seen = [sell(client, user, row) for row in json.load(sys.stdin)]
    tell_apart(client, user)
    print(json.dumps(seen))


main()
