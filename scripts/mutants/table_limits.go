package main

const (
	limitsPackage = "./internal/limits/"
	limitsRedis   = "./internal/limits/redis/"
	limitsHere    = "./internal/limits/inprocess/"
)

// limited is what keeps one client from asking for more than its share, and from keeping what is everybody's.
var limited = []mutant{
	// How much.
	{
		name: "a burst is one larger", file: "internal/limits/rate.go",
		old: "return time.Duration(r.Burst)*interval", new: "return time.Duration(r.Burst+1)*interval",
		pkg: limitsHere, tests: "TestLimiter$",
	}, {
		name: "no request may come a moment early", file: "internal/limits/rate.go",
		old: " + (interval / 2).Truncate(time.Microsecond)\n", new: "\n",
		pkg: limitsRedis, tests: "TestLimiters_of_two_replicas",
	}, {
		name: "a client is told to come back too soon", file: "internal/limits/rate.go",
		old: "s.RetryAfter = s.ResetAfter", new: "s.RetryAfter = s.ResetAfter / 2",
		pkg: limitsHere, tests: "TestLimiter/",
	}, {
		name: "a rate may be any number", file: "internal/limits/rate.go",
		old: "err != nil || n < 1 || n > maxCount", new: "err != nil || n < 1",
		pkg: limitsPackage, tests: "TestParseRate|FuzzParseRate",
	}, {
		name: "a burst may take years to be earned", file: "internal/limits/rate.go",
		old: " || r.Burst > int64(maxSpan/r.Interval())", new: "",
		pkg: limitsPackage, tests: "TestParseRate|FuzzParseRate",
	}, {
		name: "each address of a /64 counts by itself", file: "internal/limits/limits.go",
		old: "copy(n.bytes[:], sixteen[:8])", new: "copy(n.bytes[:], sixteen[:])",
		pkg: limitsPackage, tests: "TestAddress",
	}, {
		name: "an IPv4 address in the dress of IPv6 counts by itself", file: "internal/limits/limits.go",
		old: "	a = a.Unmap()\n", new: "",
		pkg: limitsPackage, tests: "TestAddress",
	},
	// In this process.
	{
		name: "a refused request is charged (in process)", file: "internal/limits/inprocess/inprocess.go",
		old: "	if allowed {\n", new: "	if true {\n",
		pkg: limitsHere, tests: "TestLimiter$",
	}, {
		name: "keys are remembered for ever", file: "internal/limits/inprocess/inprocess.go",
		old: "full || now-l.turned > l.longest", new: "full",
		pkg: limitsHere, tests: "TestLimiter_forgets",
	}, {
		name: "any number of keys are remembered", file: "internal/limits/inprocess/inprocess.go",
		old: "max(l.maxKeys/2, more)", new: "1000*l.maxKeys",
		pkg: limitsHere, tests: "TestLimiter_is_bounded",
	}, {
		name: "who asks on is forgotten with the others", file: "internal/limits/inprocess/inprocess.go",
		old: "l.old, l.young, l.turned = l.young,", new: "l.old, l.young, l.turned = nil,",
		pkg: limitsHere, tests: "TestLimiter_is_bounded",
	},
	// In Redis.
	{
		name: "a refused request is charged (Redis)", file: "internal/limits/redis/script.go",
		old: "passes and at + 2 * asks or 0", new: "at + 2 * asks",
		pkg: limitsRedis, tests: "TestLimiter$",
	}, {
		name: "the last ask decides alone", file: "internal/limits/redis/script.go",
		old: "if backlog[k] + interval[k] > span[k] then passes = false end", new: "passes = backlog[k] + interval[k] <= span[k]",
		pkg: limitsRedis, tests: "TestLimiter$",
	}, {
		name: "each process reckons otherwise than Redis", file: "internal/limits/redis/script.go",
		old: "				c.backlogs[j.keys[i]] += asks[i].Rate.Interval()\n", new: "",
		pkg: limitsRedis, tests: "TestLimiter$",
	}, {
		name: "keys stay in Redis for ever", file: "internal/limits/redis/script.go",
		old: "call('PSETEX', KEYS[k], (b - b % 1000) / 1000 + 1, now + b)", new: "call('SET', KEYS[k], now + b)",
		pkg: limitsRedis, tests: "TestKeys",
	}, {
		name: "the far future is believed in", file: "internal/limits/redis/script.go",
		old: " elseif b > span[k] then b = span[k] end", new: " end",
		pkg: limitsRedis, tests: "TestLimiter_does_not_believe|TestLimiter$",
	}, {
		name: "keys of a call stand in several slots", file: "internal/limits/redis/redis.go",
		old: "\"{limits:\" + o.Installation + \"}\"", new: "\"limits:\" + o.Installation",
		pkg: limitsRedis, tests: "TestKeys|TestLimiter_works_on_a_cluster",
	}, {
		name: "installations count together", file: "internal/limits/redis/redis.go",
		old: "\"{limits:\" + o.Installation + \"}\"", new: "\"{limits}\"",
		pkg: limitsRedis, tests: "TestLimiters_of_two_installations",
	}, {
		name: "a check has a call of its own", file: "internal/limits/redis/redis.go",
		old: "batch.AtMost[*job](maxJobs)", new: "batch.AtMost[*job](1)",
		pkg: limitsRedis, tests: "TestLimiter_shares",
	}, {
		name: "each check waits for a Redis that is away", file: "internal/limits/redis/redis.go",
		old: "	l.away.Store(true)\n", new: "",
		pkg: limitsRedis, tests: "TestLimiter_goes_on",
	}, {
		name: "a Redis that was away is never asked again", file: "internal/limits/redis/redis.go",
		old: "			l.away.Store(false)\n", new: "",
		pkg: limitsRedis, tests: "TestLimiter_goes_on",
	}, {
		name: "nobody counts what Redis did not answer", file: "internal/limits/redis/redis.go",
		old: "	l.options.Unanswered(1)\n", new: "",
		pkg: limitsRedis, tests: "TestLimiter_goes_on",
	},
	// Over HTTP.
	{
		name: "a route is not limited", file: "internal/handlers/limits.go",
		old: "return strings.HasPrefix(path, apiPath+\"/\")", new: "return strings.HasPrefix(path, apiPath+\"/\") && path != eventsPath",
		pkg: handlers, tests: "TestLimits",
	}, {
		name: "a gateway's callbacks are limited", file: "internal/handlers/limits.go",
		old: " && !strings.HasPrefix(path, callbacksPath+\"/\")", new: "",
		pkg: handlers, tests: "TestLimits",
	}, {
		name: "a body that makes no sense counts for nobody", file: "internal/handlers/bookings_create.go",
		old: "h.limits.admitBuyer(c, who.Principal, request, counts); limited != nil", new: "h.limits.admitBuyer(c, who.Principal, request, counts); limited != nil && err == nil",
		pkg: handlers, tests: "TestLimits_count_bad",
	}, {
		name: "a booking in a stranger's name counts for the stranger", file: "internal/services/bookings.go",
		old: "		return r.User == who.User\n", new: "		return true\n",
		pkg: handlers, tests: "TestLimits_count_for_a_buyer",
	}, {
		name: "a booking of a stranger's event counts for its buyer", file: "internal/services/owners.go",
		old: "return known && scope.HasEvent(owner, event)", new: "return known && owner != models.OrganizerID{}",
		pkg: handlers, tests: "TestLimits_count_for_a_buyer",
	}, {
		name: "keys are looked up before the limits are", file: "internal/handlers/access.go",
		old: "	if limited := s.limits.admitStranger(c); limited != nil {", new: "	if limited := s.limits.admitStranger(c); limited != nil && false {",
		pkg: handlers, tests: "TestLimits_hold_before",
	}, {
		name: "all bookings of a user count together", file: "internal/handlers/limits.go",
		old: "limits.Buyer(b.User, b.Event)", new: "limits.Buyer(b.User, b.User)",
		pkg: handlers, tests: "TestLimits_refuse_a_buyer",
	}, {
		name: "anybody may say which address they have", file: "internal/handlers/server.go",
		old: "s.router.SetTrustedProxies(d.TrustedProxies)", new: "s.router.SetTrustedProxies([]string{\"0.0.0.0/0\"})",
		pkg: handlers, tests: "TestLimits_know",
	}, {
		name: "all behind a proxy are one client", file: "internal/handlers/limits.go",
		old: "	if !r.behind {\n", new: "	if true {\n",
		pkg: handlers, tests: "TestLimits_know",
	},
	// Slow clients.
	{
		name: "large bodies have no bound together", file: "internal/handlers/bodies.go",
		old: "b.all.taken.Add(more) > maxBodiesInHand", new: "b.all.taken.Add(more) > 100*maxBodiesInHand",
		pkg: handlers, tests: "TestBodies_share",
	}, {
		name: "a body is in hand for ever", file: "internal/handlers/bodies.go",
		old: "b.all.taken.Add(-b.held)", new: "b.all.taken.Add(0)",
		pkg: handlers, tests: "TestBodies_share",
	}, {
		name: "a late answer may be read for minutes", file: "internal/handlers/middleware.go",
		old: "	if !w.begun {\n", new: "	if false {\n",
		pkg: handlers, tests: "TestAnswers_that_come_late",
	}, {
		name: "any number of clients may connect", file: "internal/app/connections.go",
		old: "c.open.Add(1) > c.most", new: "c.open.Add(1) > 100*c.most",
		pkg: "./internal/app/", tests: "TestConnections",
	}, {
		name: "a client that has gone is counted for ever", file: "internal/app/connections.go",
		old: "		c.open.Add(-1)\n", new: "",
		pkg: "./internal/app/", tests: "TestConnections",
	},
}
