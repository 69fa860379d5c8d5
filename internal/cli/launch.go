package cli

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"quantix/internal/config"
)

// launch starts this program's serve as a process of its own, and waits until it is ready.
func launch(ctx context.Context, p Program, c config.Config, dir string) (*private, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	host, port, _ := net.SplitHostPort(address)
	command := exec.CommandContext(ctx, program, "serve")
	command.Dir = dir
	command.Env = append(serveEnv(c), "HOST="+host, "PORT="+port, "DATA_DIR="+dir+"/data", "LOG_LEVEL=warn")
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 15 * time.Second
	output, err := command.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start a private server: %w", err)
	}
	go repeat(p, bufio.NewScanner(output))
	server := &private{url: "http://" + address, pid: command.Process.Pid}
	server.stop = func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait()
	}
	if err := awaitServer(ctx, address); err != nil {
		server.stop()
		return nil, err
	}
	return server, nil
}

// serveEnv hands the settings in force on to a process of ours.
func serveEnv(c config.Config) []string {
	env := os.Environ()
	if c.DatabaseURL != "" {
		env = append(env, "DATABASE_URL="+c.DatabaseURL)
	}
	if c.RedisURL != "" {
		env = append(env, "REDIS_URL="+c.RedisURL)
	}
	return env
}

// repeat shows what the private server has to say.
func repeat(p Program, lines *bufio.Scanner) {
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); line != "" {
			fmt.Fprintln(p.Stderr, "server:", line)
		}
	}
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	address := listener.Addr().String()
	return address, listener.Close()
}

// awaitServer waits until a connection is accepted: the listener opens when all else is ready.
func awaitServer(ctx context.Context, address string) error {
	var err error
	for begun := time.Now(); time.Since(begun) < 30*time.Second; {
		var line net.Conn
		if line, err = net.DialTimeout("tcp", address, time.Second); err == nil {
			return line.Close()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
	return fmt.Errorf("the private server did not start: %w", err)
}
