// Makes a first sale through the TypeScript client that hey-api makes of the OpenAPI document (see clients_test.go). For each
// amount of the table on its standard input it prints what it read, as JSON.
import { readFileSync } from 'node:fs';
import { client } from './client/client.gen';
import {
  cancelBooking, createBooking, createEvent, createUser, getBooking, listUserBookings, updateEvent,
} from './client/sdk.gen';
import type { BookingStatus, CancelReason, ErrorCode, Event, PaymentStatus } from './client/types.gen';

type Row = { amount: string; currency: string; decimals: number };

client.setConfig({ baseUrl: process.argv[2] });

function got<T>(what: string, answer: { data?: T; error?: unknown }): T {
  if (answer.data === undefined) throw new Error(`${what}: ${JSON.stringify(answer.error)}`);
  return answer.data;
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

async function newEvent(row: Row): Promise<Event> {
  const begins = new Date(Date.now() + 365 * 24 * 3600 * 1000).toISOString();
  return got('create the event', await createEvent({
    body: { name: 'Concert', date_time: begins, total_tickets: 3, ticket_price: Number(row.amount), currency: row.currency },
  }));
}

async function sell(row: Row, user: string) {
  const event = await newEvent(row);
  const again = got('send the price back', await updateEvent({ path: { id: event.id }, body: { ticket_price: event.ticket_price } }));
  check(again.updated_at === event.updated_at, 'the price that was read changed the event when it was sent back');
  const booking = got('book', await createBooking({ body: { event_id: event.id, user_id: user, quantity: 1 } }));
  const paid: PaymentStatus = 'succeeded';
  const confirmed: BookingStatus = 'CONFIRMED';
  for (let i = 0; i < 600; i++) {
    const now = got('read the booking', await getBooking({ path: { id: booking.id } }));
    if (now.status === confirmed && now.payment.status === paid) {
      const text = (n: number) => n.toFixed(row.decimals);
      return { price: text(event.ticket_price), unit: text(now.unit_price), total: text(now.total_amount) };
    }
    await new Promise((next) => setTimeout(next, 50));
  }
  throw new Error('the booking was not confirmed');
}

async function tellApart(user: string): Promise<void> {
  const event = await newEvent({ amount: '75.50', currency: 'USD', decimals: 2 });
  const refused = await createBooking({ body: { event_id: event.id, user_id: user, quantity: 5 } });
  const tooMany: ErrorCode = 'insufficient_tickets';
  check(refused.error?.code === tooMany && refused.error.available === 3, `booking too many: ${JSON.stringify(refused.error)}`);
  const booking = got('book', await createBooking({ body: { event_id: event.id, user_id: user, quantity: 1 } }));
  check(booking.cancel_reason === null, 'a new booking has a reason');
  const cancelled = got('cancel', await cancelBooking({ path: { id: booking.id } }));
  const reason: CancelReason | null = cancelled.cancel_reason;
  const status: BookingStatus = cancelled.status;
  check(status === 'CANCELLED' && reason === 'user', `cancelled: ${status} ${reason}`);
  const list = got('list', await listUserBookings({ path: { user_id: user }, query: { status } }));
  check(list.length === 1, `${list.length} bookings are cancelled`);
  const set = got('set sales_end', await updateEvent({ path: { id: event.id }, body: { sales_end: event.created_at } }));
  check(set.sales_end !== null, 'sales_end was not set');
  const cleared = got('clear sales_end', await updateEvent({ path: { id: event.id }, body: { clear: ['sales_end'] } }));
  check(cleared.sales_end === null, 'sales_end was not cleared');
}

async function main(): Promise<void> {
  const table: Row[] = JSON.parse(readFileSync(0, 'utf8'));
  const user = got('create the user', await createUser({ body: { name: 'John Doe', email: 'ts@example.com' } }));
  const seen = [];
  for (const row of table) seen.push(await sell(row, user.id));
  await tellApart(user.id);
  console.log(JSON.stringify(seen));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
