package cli

import "context"

// command is one line of the table of commands.
type command struct {
	name  string
	usage string // its own flags and arguments
	help  string // for the overview
	more  string // for its own page: what it does, in full
	run   func(context.Context, Program, []string) error
}

// commands is the table that help prints, in the order of a reader's interest.
func commands() []command { return append(running(), examining()...) }

// running is the commands that sell, and set up what sells.
func running() []command {
	return []command{
		{
			name: "serve", usage: "[--api]", run: runServe,
			help: "answer the API and run the workers; --api: the API alone, with workers elsewhere",
			more: "Answers the API and runs the workers until SIGTERM or Ctrl-C. Pending migrations are applied first, unless\n" +
				"AUTO_MIGRATE=false. Without any setting it needs no other program; see DATABASE_URL and REDIS_URL for more servers.",
		}, {
			name: "worker", run: runWorker,
			help: "run the workers alone, beside any number of serve --api",
			more: "Takes payments, gives refunds and releases what stays unpaid, beside any number of serve --api on the same PostgreSQL\n" +
				"and Redis. Pending migrations are applied first, unless AUTO_MIGRATE=false. Health and metrics are on WORKER_PORT.",
		}, {
			name: "migrate", usage: "up|down [n] [--yes]|status|repair", run: runMigrate,
			help: "bring the database's schema up to date, or back by n migrations; --yes: even if events, users or bookings are lost",
			more: "Changes the database's schema. The embedded one needs its server stopped.\n\n" +
				"  up        apply all pending migrations; creates the database if it is missing\n" +
				"  down [n]  take back the newest n migrations (1), and with them the tables they made and all that is in these:\n" +
				"            refused if that is any event, user or booking, unless --yes is there\n" +
				"  status    show which migrations are applied\n" +
				"  repair    after a migration that failed half-way, and once its cause is mended: declare that it was rolled back,\n" +
				"            so that up can try it again",
		}, {
			name: "seed", usage: "[--events n] [--users n]", run: runSeed,
			help: "create sample events and users to play with",
			more: "Creates sample events and users to play with; each run adds more. Pending migrations are applied first, unless\n" +
				"AUTO_MIGRATE=false. The embedded database needs its server stopped, or not started yet.",
		}, {
			name: "keys", usage: "create --role role [flags]|list|revoke id", run: runKeys,
			help: "make, list and revoke API keys, beside a running server",
			more: "Makes, lists and revokes API keys, beside a running server. Whoever can run this can do anything: it asks for no key.\n\n" +
				"  create    make a key, and print it alone on standard output. It is shown this once: only its hash is kept\n" +
				"  list      show the keys that are not revoked, and when they were used last\n" +
				"  revoke    end a key: every server refuses it within a second",
		}, {
			name: "organizers", usage: "create name|list", run: runOrganizers,
			help: "make and list organizers, who own events",
			more: "Makes and lists organizers, beside a running server. create prints the new one's id, which quantix keys create takes as\n" +
				"--organizer.",
		},
	}
}

// examining is the commands that measure, look and tell, and mend.
func examining() []command {
	return []command{
		{
			name: "bench", usage: "[flags]", run: runBench,
			help: "simulate an on-sale against a server of yours, or a private one; bench --help lists the flags",
			more: "Simulates an on-sale, audits what it has left, and shows how fast it went. Status 1 when a promise was broken.\n" +
				"Without --target a private server is started with the settings in force, on databases of its own.",
		}, {
			name: "bench bars", usage: "[flags]", run: runBars,
			help: "measure every promise of speed; bench bars --help lists the flags",
			more: "Measures every promise of speed against its baseline, on private servers. It needs a scratch PostgreSQL and Redis in\n" +
				"DATABASE_URL and REDIS_URL (make bench starts private ones). Status 1 when a promise was broken.",
		}, {
			name: "audit", usage: "[--event id]", run: runAudit,
			help: "recompute every counter and every payment, and say what differs",
			more: "Recomputes every counter and every payment from bookings, charges and refunds, beside a running server, and says\n" +
				"what differs. Status 1 when anything does.",
		}, {
			name: "doctor", run: runDoctor,
			help: "show the settings, versions and connections, and what to do about each fault",
			more: "Shows the settings (secrets hidden) with where each comes from, versions and connections, and what to do about each\n" +
				"fault. It changes nothing. Status 1 when something is wrong.",
		}, {
			name: "installation", usage: "[new --yes]", run: runInstallation,
			help: "show the database's id; new: give a copy of a database an id of its own",
			more: "Shows the id by which programs know their database's messages on a shared Redis. A copy of a database has its\n" +
				"original's, and its programs take no messages while those of the original work; new gives it one of its own.\n" +
				"Stop the programs that work on the copy before.",
		}, {
			name: "healthcheck", run: runHealthcheck,
			help: "ask the server on this machine whether it is ready, for containers",
			more: "Asks the server on this machine, at HOST and PORT, whether it is ready: what a container without a shell can run.\n" +
				"Status 1 when it is not. --port 8081 asks a worker.",
		}, {
			name: "version", run: runVersion,
			help: "show the version",
			more: "Shows the version of this program and of the Go that built it.",
		}, {
			name: "help", usage: "[command|settings]", run: runHelp,
			help: "show this, a command's own page, or all about the settings",
			more: "Shows the commands and settings at a glance, a command's own page, or all about the settings.",
		},
	}
}

// find returns the command of a name.
func find(name string) (command, bool) {
	for _, c := range commands() {
		if c.name == name {
			return c, true
		}
	}
	return command{}, false
}
