package metrics

import (
	"maps"
	"sync"
	"sync/atomic"
)

// A cache keeps what was once looked up by its labels. It must be bounded by them: nothing is ever forgotten. Readers
// take no lock, for a new combination of labels is rare and a known one comes with every request.
type cache[K comparable, V any] struct {
	known atomic.Pointer[map[K]V]
	mu    sync.Mutex // guards that no addition is lost
}

func (c *cache[K, V]) get(key K, find func(K) V) V {
	if known := c.known.Load(); known != nil {
		if found, ok := (*known)[key]; ok {
			return found
		}
	}
	return c.add(key, find(key))
}

func (c *cache[K, V]) add(key K, value V) V {
	c.mu.Lock()
	defer c.mu.Unlock()
	grown := make(map[K]V)
	if known := c.known.Load(); known != nil {
		maps.Copy(grown, *known)
	}
	grown[key] = value
	c.known.Store(&grown)
	return value
}
