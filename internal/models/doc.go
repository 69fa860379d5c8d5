// Package models is the domain of Quantix: its types, states, rules, money and errors.
//
// Everything here is pure: no I/O, no clock, no randomness but for new ids. The heart is
// [EventState]: what a desk reads of one event under its row's lock, and the rules that decide
// each [Command] on it. Adapters read and write these types; they never decide.
package models
