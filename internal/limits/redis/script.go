package redis

import (
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"quantix/internal/limits"
)

// script judges requests in their order, by Redis' own clock: processes need not agree on the time. A key holds when it
// will have earned all that it was given, in Unix microseconds, and expires then. No key has more to earn than its rate
// allows, whatever was stored: a clock that was set back, or a rate that was another, must not lock anybody out.
//
// KEYS: each key once; all have one hash tag, so that a Redis Cluster has them in one place.
// ARGV[1]: of each rate the interval and the span, in microseconds. ARGV[2]: the rate of each key, a byte each, from 0.
// ARGV[3]: of each request how many asks it has, a byte, and the key of each, two bytes, the higher first, from 0.
//
// It returns the backlog that each key had, in microseconds: what became of the requests follows from that, and is
// reckoned once more by who sent them (call.decide), which costs less than to write it here and read it there. While
// the script runs Redis does nothing else: hence the plain loops, and PSETEX, which costs less than SET with PX.
const script = `
local call, byte = redis.call, string.byte
local time = call('TIME')
local now = time[1] * 1000000 + time[2]
local rates = {}
for interval, span in string.gmatch(ARGV[1], '(%d+) (%d+)') do
  rates[#rates + 1] = {tonumber(interval), tonumber(span)}
end
local interval, span, found, backlog = {}, {}, {}, {}
local stored = call('MGET', unpack(KEYS))
for k = 1, #KEYS do
  local rate = rates[byte(ARGV[2], k) + 1]
  interval[k], span[k] = rate[1], rate[2]
  local b = (tonumber(stored[k] or now) or now) - now
  if b < 0 then b = 0 elseif b > span[k] then b = span[k] end
  found[k], backlog[k] = b, b
end
local requests, at = ARGV[3], 1
while at <= #requests do
  local asks = byte(requests, at)
  local passes = true
  for ask = at + 1, at + 2 * asks, 2 do
    local high, low = byte(requests, ask, ask + 1)
    local k = high * 256 + low + 1
    if backlog[k] + interval[k] > span[k] then passes = false end
  end
  for ask = at + 1, passes and at + 2 * asks or 0, 2 do
    local high, low = byte(requests, ask, ask + 1)
    local k = high * 256 + low + 1
    backlog[k] = backlog[k] + interval[k]
  end
  at = at + 1 + 2 * asks
end
for k = 1, #KEYS do
  local b = backlog[k]
  if b > found[k] then call('PSETEX', KEYS[k], (b - b % 1000) / 1000 + 1, now + b) end
end
return table.concat(found, ' ')
`

var scriptHash = goredis.NewScript(script).Hash()

// call is the memory of one call of the script, used again by the next.
type call struct {
	keys      map[key]uint16 // and their numbers
	rates     []limits.Rate  // each once
	names     []byte         // of all keys
	ends      []int          // where each key's name ends
	texts     []string       // the keys
	rateOf    []byte         // ARGV[2]
	requests  []byte         // ARGV[3]
	described string         // ARGV[1]
	arguments []any
	backlogs  []time.Duration // of the keys
}

// key is a name and its limit.
type key struct {
	limit limits.Limit
	name  limits.Name
}

// prepare makes the command for some requests. What it returns is good until the next one is prepared.
func (c *call) prepare(tag string, jobs []*job) []any {
	if c.keys == nil {
		c.keys = map[key]uint16{}
	}
	clear(c.keys)
	c.rates, c.names, c.ends, c.texts = c.rates[:0], c.names[:0], c.ends[:0], c.texts[:0]
	c.rateOf, c.requests = c.rateOf[:0], c.requests[:0]
	for _, j := range jobs {
		c.requests = append(c.requests, byte(j.count))
		for i := range j.asks[:j.count] {
			j.keys[i] = c.number(tag, &j.asks[i])
			c.requests = binary.BigEndian.AppendUint16(c.requests, j.keys[i])
		}
	}
	names, from := string(c.names), 0
	for _, end := range c.ends {
		c.texts = append(c.texts, names[from:end])
		from = end
	}
	c.described = describe(c.rates)
	c.arguments = append(c.arguments[:0], "EVALSHA", scriptHash, len(c.texts))
	for i := range c.texts {
		c.arguments = append(c.arguments, &c.texts[i]) // a pointer needs no memory of its own here
	}
	c.arguments = append(c.arguments, &c.described, c.rateOf, c.requests)
	return c.arguments
}

// number returns the number of an ask's key in this call.
func (c *call) number(tag string, a *limits.Ask) uint16 {
	k := key{a.Limit, a.Key}
	n, known := c.keys[k]
	if known {
		return n
	}
	n = uint16(len(c.keys)) // maxJobs requests have no more
	c.keys[k] = n
	c.names = append(append(c.names, tag...), byte(a.Limit))
	c.names = a.Key.Append(c.names)
	c.ends = append(c.ends, len(c.names))
	c.rateOf = append(c.rateOf, c.rateNumber(a.Rate))
	return n
}

// rateNumber returns the number of a rate in this call: there are as many as limits are set.
func (c *call) rateNumber(r limits.Rate) byte {
	for i := range c.rates {
		if c.rates[i] == r {
			return byte(i)
		}
	}
	c.rates = append(c.rates, r)
	return byte(len(c.rates) - 1)
}

// describe writes ARGV[1].
func describe(rates []limits.Rate) string {
	b := make([]byte, 0, 64)
	for i := range rates {
		b = strconv.AppendInt(b, rates[i].Interval().Microseconds(), 10)
		b = strconv.AppendInt(append(b, ' '), rates[i].Span().Microseconds(), 10)
		b = append(b, ' ')
	}
	return string(b)
}

var errAnswer = errors.New("the script's answer cannot be read")

// decide does what the script did, from the backlogs that it found, and gives the requests their verdicts.
func (c *call) decide(found string, jobs []*job) error {
	c.backlogs = c.backlogs[:0]
	for range c.texts {
		var word string
		word, found, _ = strings.Cut(found, " ")
		n, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return errAnswer
		}
		c.backlogs = append(c.backlogs, time.Duration(n)*time.Microsecond)
	}
	for _, j := range jobs {
		asks := j.asks[:j.count]
		allowed := true
		for i := range asks {
			allowed = allowed && asks[i].Rate.Passes(c.backlogs[j.keys[i]])
		}
		var backlogs [limits.MaxAsks]time.Duration
		for i := range asks {
			if allowed {
				c.backlogs[j.keys[i]] += asks[i].Rate.Interval()
			}
			backlogs[i] = c.backlogs[j.keys[i]]
		}
		j.verdict = limits.Decide(allowed, asks, backlogs[:])
	}
	return nil
}
