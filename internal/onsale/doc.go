// Package onsale simulates an on-sale: many buyers who want the same tickets at once. It is the load generator
// behind `quantix bench`.
//
// It is a tool for one's own server. The generator creates users, events and bookings, thousands a second, and never
// removes them; so it refuses every target that is not on this machine unless AllowRemote says that the owner of the
// target agrees. Every run is bounded in time, connections and requests.
//
// The generator usually shares the processors with the server that it measures, so the hot path is raw HTTP/1.1 over
// kept-alive TCP connections, with request bytes made beforehand and a parser that reads no more than it needs.
//
// Two models of load exist, because they answer two questions. Closed: N connections, each with one buyer after
// another; it finds the greatest throughput. Open: buyers arrive when they arrive, however slow the server is, and each
// latency counts from the moment the buyer meant to send, so that a stall of the server shows in every buyer it made
// wait (no coordinated omission).
//
// After the load the audit of every event must say ok, and the server's counts must cover every 201 that the generator
// saw. A run with a violation counts as zero.
package onsale
