// Package models is the nouns of Quantix: events, users, bookings, charges and refunds, their ids, money and errors.
//
// Everything here is pure: no I/O, no clock, no randomness but for new ids. What is done with them, and what is
// refused, is decided in package sale. Adapters read and write these types; they never decide.
package models
