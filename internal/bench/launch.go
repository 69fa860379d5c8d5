package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"quantix/internal/config"
)

// private is a server of the bench's own: a process, so that its memory and its processor time are its own.
type private struct {
	url     string
	pid     int
	started time.Time // of the process
	stop    func()
}

// startPrivate starts this program as a server on a free port with the settings in force, in an empty data directory.
// More settings are NAME=value.
func startPrivate(ctx context.Context, progress io.Writer, c config.Config, settings ...string) (*private, error) {
	dir, err := os.MkdirTemp("", "quantix-bench")
	if err != nil {
		return nil, err
	}
	server, err := launch(ctx, progress, c, dir, settings...)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	stop := server.stop
	server.stop = func() {
		stop()
		_ = os.RemoveAll(dir)
	}
	return server, nil
}

// OnPrivate starts a private server on a new database and an empty Redis of the servers that the settings name, if they
// name any, and removes all of it after use: what is in their databases is never touched.
func OnPrivate(ctx context.Context, progress io.Writer, c config.Config, use func(url string) error) (err error) {
	if c.Store() == config.Postgres {
		if c.DatabaseURL, err = scratchURL(c.DatabaseURL, fmt.Sprintf("quantix_bench_%d", os.Getpid())); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, dropScratch(context.WithoutCancel(ctx), c.DatabaseURL)) }()
	}
	if c.Queue() == config.Redis {
		redis, err := takeScratchRedis(ctx, c.RedisURL)
		if err != nil {
			return err
		}
		defer redis.Close()
		c.RedisURL = redis.URL
	}
	server, err := startPrivate(ctx, progress, c)
	if err != nil {
		return err
	}
	defer server.stop()
	return use(server.url)
}

// logName is the file of a data directory that a server writes its lines to which are too many to be shown.
const logName = "log"

// launch starts this program's serve as a process of its own, and waits until it is ready. Without progress, what it
// says is in a file of its directory.
func launch(
	ctx context.Context, progress io.Writer, c config.Config, dir string, settings ...string,
) (*private, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	host, port, _ := net.SplitHostPort(address)
	command := exec.CommandContext(ctx, program, "serve")
	command.Dir = dir
	command.Env = append(serveEnv(c), "HOST="+host, "PORT="+port, "DATA_DIR="+dir+"/data", "LOG_LEVEL=warn")
	command.Env = append(command.Env, settings...)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 15 * time.Second
	started := time.Now()
	if err := startTold(command, progress, dir); err != nil {
		return nil, fmt.Errorf("start a private server: %w", err)
	}
	server := &private{url: "http://" + address, pid: command.Process.Pid, started: started}
	server.stop = func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
	}
	if err := awaitServer(ctx, address); err != nil {
		server.stop()
		said, _ := os.ReadFile(filepath.Join(dir, logName)) // empty where it was shown
		return nil, fmt.Errorf("%w\n%s", err, said)
	}
	return server, nil
}

// startTold starts a command whose lines are shown, or kept.
func startTold(command *exec.Cmd, progress io.Writer, dir string) error {
	if progress == nil {
		file, err := os.Create(filepath.Join(dir, logName))
		if err != nil {
			return err
		}
		defer file.Close() // the command has its own hold on it
		command.Stderr = file
		return command.Start()
	}
	output, err := command.StderrPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	go repeat(progress, bufio.NewScanner(output))
	return nil
}

// storeVariables choose a store and a queue.
var storeVariables = []string{
	"DB_HOST", "DB_PORT", "DB_USER", "DB_PASSWORD", "DB_PASSWORD_FILE", "DB_NAME", "DATABASE_URL", "DATABASE_URL_FILE",
	"REDIS_URL", "REDIS_URL_FILE",
}

// serveEnv hands the settings in force on to a process of ours: the environment, but the store and the queue of c, and
// open, as the buyers of a bench are: a measure that closes it says so.
func serveEnv(c config.Config) []string {
	env := os.Environ()
	for _, name := range storeVariables {
		env = append(env, name+"=") // an empty one counts as unset, and the last of a name counts
	}
	return append(env, "APP_ENV=development", "AUTH=off", "METRICS_PORT=0",
		"DATABASE_URL="+c.DatabaseURL, "REDIS_URL="+c.RedisURL)
}

// repeat shows what the private server has to say.
func repeat(progress io.Writer, lines *bufio.Scanner) {
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); line != "" {
			fmt.Fprintln(progress, "server:", line)
		}
	}
}

func freeAddress(ctx context.Context) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	address := listener.Addr().String()
	return address, listener.Close()
}

// awaitServer waits until a connection is accepted: the listener opens when all else is ready.
func awaitServer(ctx context.Context, address string) error {
	var err error
	dialer := net.Dialer{Timeout: time.Second}
	for begun := time.Now(); time.Since(begun) < 30*time.Second; {
		var line net.Conn
		if line, err = dialer.DialContext(ctx, "tcp", address); err == nil {
			return line.Close()
		}
		if err := pause(ctx, time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("the private server did not start: %w", err)
}

// runSelf runs this program as a client of the bench, in a process of its own, and reads the JSON that it prints.
func runSelf(ctx context.Context, result any, client string, args ...string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	text, err := exec.CommandContext(ctx, program, append([]string{"bench", client}, args...)...).Output()
	if err != nil {
		return fmt.Errorf("quantix bench %s: %w", client, err)
	}
	return json.Unmarshal(text, result)
}
