// Package journal is how an event's facts are kept: the bytes of an entry ([Encode], [Decode]) and what a journal as a
// whole adds up to ([Fold]). What a fact is, [models.Fact] says; who writes them, package sale; what readers are
// promised, docs/feed.md.
//
// The bytes are a format of their own because there are some for every booking: 20 for one that was made, 4 for what
// follows for it in the same batch, and one more for amounts from 16,384 minor units. They begin with a version, so
// that a later program can read what this one wrote.
package journal
