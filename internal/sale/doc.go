// Package sale is the heart of Quantix: what one event's sale is, and the rules that decide each [Command] on it.
//
// A desk reads a [State] under the event's row lock ([ReadsOf] names what), has it decide commands one by one
// ([State.Decide]), and writes what they changed ([State.Writes]) in the same transaction. Everything here is pure: no
// I/O, no clock, no randomness. Stock changes by the verbs of [models.Stock], money by three here: take, owe and give
// (money.go). Each verb asserts its promise, and a refused command is asserted to have changed nothing; to fail such an
// assertion is a panic, which the box office catches: nothing of the batch is written, the culprit's caller gets an
// internal error, and the others are decided again.
package sale
