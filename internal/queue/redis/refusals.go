package redis

import (
	"errors"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"quantix/internal/queue"
)

const (
	clustered = "it is a node of a Redis Cluster: give REDIS_URL of a single Redis, or of a proxy in front of the cluster"
	another   = "it is a replica: point REDIS_URL at the primary, by a name that follows a failover"
	stranger  = "check the user and the password in REDIS_URL, and the rights of that user (ACL)"
)

// remedies are by the first word of Redis' refusals, which is its code.
var remedies = map[string]string{
	"OOM":         "its memory is full and maxmemory-policy is noeviction: raise maxmemory, or give the queue a Redis of its own",
	"READONLY":    another,
	"MASTERDOWN":  another,
	"NOREPLICAS":  "it wants more replicas than it has: see min-replicas-to-write, or bring them back",
	"MISCONF":     "it cannot save to its disk: make room there, and see its log",
	"LOADING":     "it is reading its data after a start: wait",
	"MOVED":       clustered,
	"ASK":         clustered,
	"CROSSSLOT":   clustered,
	"CLUSTERDOWN": clustered,
	"NOAUTH":      stranger,
	"WRONGPASS":   stranger,
	"NOPERM":      stranger,
}

// explained adds to Redis' refusals what to do about them; other errors stay as they are.
func explained(err error) error {
	said, is := errors.AsType[goredis.Error](err)
	if !is {
		return err
	}
	code, _, _ := strings.Cut(strings.TrimSuffix(said.Error(), ":"), " ")
	remedy, known := remedies[code]
	if !known {
		return err
	}
	return &queue.Refusal{Code: code, Remedy: remedy, Err: err}
}
