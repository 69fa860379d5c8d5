package config

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"quantix/internal/limits"
)

// Shorter names for the table.
const (
	ms     = time.Millisecond
	second = time.Second
	minute = time.Minute
	hour   = time.Hour
)

// errWrong is all that a check reports: which option, the value and what is
// accepted instead are in the table, and the text of a parser's own error might
// repeat a secret.
var errWrong = errors.New("wrong value")

// text takes any single line.
func text(to *string, v string) error {
	if strings.ContainsFunc(v, unicode.IsControl) {
		return errWrong
	}
	*to = v
	return nil
}

// integer takes a whole number within bounds.
func integer(to *int, v string, least, most int) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		return errWrong
	}
	*to = n
	return nil
}

// duration takes Go's notation, within bounds.
func duration(to *time.Duration, v string, least, most time.Duration) error {
	d, err := time.ParseDuration(v)
	if err != nil || d < least || d > most {
		return errWrong
	}
	*to = d
	return nil
}

// durationOr0 takes a duration, or 0.
func durationOr0(to *time.Duration, v string, least, most time.Duration) error {
	if duration(to, v, 0, 0) == nil {
		return nil
	}
	return duration(to, v, least, most)
}

// minutes takes a plain number of minutes, or a duration.
func minutes(to *time.Duration, v string, least, most time.Duration) error {
	if _, err := strconv.ParseFloat(v, 64); err == nil {
		v += "m"
	}
	return duration(to, v, least, most)
}

// share takes a number from 0 to 1; written so that NaN is refused.
func share(to *float64, v string) error {
	f, err := strconv.ParseFloat(v, 64)
	if err != nil || !(f >= 0 && f <= 1) {
		return errWrong
	}
	*to = f
	return nil
}

// boolean takes what strconv takes.
func boolean(to *bool, v string) error {
	b, err := strconv.ParseBool(v)
	if err != nil {
		return errWrong
	}
	*to = b
	return nil
}

// onOff takes on or off.
func onOff(to *bool, v string) error {
	switch strings.ToLower(v) {
	case "on":
		*to = true
	case "off":
		*to = false
	default:
		return errWrong
	}
	return nil
}

// environmentName takes one of two names.
func environmentName(to *Environment, v string) error {
	e := Environment(strings.ToLower(v))
	if e != Development && e != Production {
		return errWrong
	}
	*to = e
	return nil
}

// level takes one of four names, in any case.
func level(to *slog.Level, v string) error {
	levels := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}
	l, known := levels[strings.ToLower(v)]
	if !known {
		return errWrong
	}
	*to = l
	return nil
}

// logFormat takes json or text.
func logFormat(to *LogFormat, v string) error {
	f := LogFormat(strings.ToLower(v))
	if f != LogJSON && f != LogText {
		return errWrong
	}
	*to = f
	return nil
}

// gateway takes one of two names.
func gateway(to *Gateway, v string) error {
	g := Gateway(strings.ToLower(v))
	if g != Simulator && g != Stripe {
		return errWrong
	}
	*to = g
	return nil
}

// token takes one word of an API's alphabet that begins with one of some prefixes, so that a key in the wrong place is
// seen at once.
func token(to *string, v string, prefixes ...string) error {
	for _, prefix := range prefixes {
		rest, fits := strings.CutPrefix(v, prefix)
		if fits && rest != "" && !strings.ContainsFunc(rest, notInToken) {
			*to = v
			return nil
		}
	}
	return errWrong
}

func notInToken(r rune) bool {
	return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-+/=", r)
}

// minSecret is how many bytes a secret that signs must have, so that it cannot be guessed.
const minSecret = 16

// secret takes any single line that is long enough.
func secret(to *string, v string) error {
	if len(v) < minSecret {
		return errWrong
	}
	return text(to, v)
}

// webAddress takes the URL of an HTTP service, without credentials: it is shown as it is.
func webAddress(to *string, v string) error {
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil ||
		u.RawQuery != "" || u.Fragment != "" {
		return errWrong
	}
	*to = v
	return nil
}

// rate takes a rate, or off.
func rate(to *limits.Rate, v string) error {
	r, err := limits.ParseRate(strings.ToLower(v))
	if err != nil {
		return errWrong
	}
	*to = r
	return nil
}

// publicURL takes the address that a server is reached at: https, or http where nothing leaves this machine.
func publicURL(to *string, v string) error {
	o, err := origin(strings.TrimSuffix(v, "/"))
	if err != nil || strings.HasPrefix(o, "http:") && !isLoopback(hostname(o)) {
		return errWrong
	}
	*to = o
	return nil
}

// origins takes a list of origins.
func origins(to *[]string, v string) error {
	var list []string
	for item := range strings.SplitSeq(v, ",") {
		o, err := origin(strings.TrimSpace(item))
		if err != nil {
			return errWrong
		}
		list = append(list, o)
	}
	*to = list
	return nil
}

// origin reads a scheme and a host, and nothing else, and returns it as browsers write it: in small letters, without
// the port that the scheme has anyway.
func origin(v string) (string, error) {
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || !isWebHost(u) {
		return "", errWrong
	}
	name := strings.ToLower(u.Host)
	if !strings.EqualFold(v, u.Scheme+"://"+name) {
		return "", errWrong // there is a user, a path, a query or a fragment
	}
	if own := map[string]string{"http": "80", "https": "443"}[u.Scheme]; u.Port() == own {
		name = strings.TrimSuffix(name, ":"+own)
	}
	return u.Scheme + "://" + name, nil
}

// isWebHost reports whether an address has a host that a browser could send as it stands.
func isWebHost(u *url.URL) bool {
	var name, number = u.Hostname(), 1
	if u.Port() != "" || strings.HasSuffix(u.Host, ":") {
		if integer(&number, u.Port(), 1, 65535) != nil || strconv.Itoa(number) != u.Port() {
			return false
		}
	}
	if strings.ContainsAny(name, "*%_ ") || strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII }) {
		return false
	}
	var bare string
	return name != "" && host(&bare, name) == nil
}

// hostname is the host of an origin, without its port.
func hostname(origin string) string {
	u, err := url.Parse(origin)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// currency takes the shape of an ISO 4217 code; models knows which ones exist.
func currency(to *string, v string) error {
	if len(v) != 3 || strings.Trim(v, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return errWrong
	}
	*to = v
	return nil
}

// host takes a name or an IP address, without a port.
func host(to *string, v string) error {
	bare := strings.TrimSuffix(strings.TrimPrefix(v, "["), "]")
	if _, err := netip.ParseAddr(bare); err == nil {
		*to = bare
		return nil
	}
	if strings.ContainsAny(v, ":/[]@?# ") || strings.ContainsFunc(v, unicode.IsControl) {
		return errWrong
	}
	*to = v
	return nil
}

// hostOrDir takes a host, or an absolute directory with a unix socket.
func hostOrDir(to *string, v string) error {
	if strings.HasPrefix(v, "/") {
		return text(to, v)
	}
	return host(to, v)
}

// networks takes a list of addresses and networks.
func networks(to *[]string, v string) error {
	var list []string
	for item := range strings.SplitSeq(v, ",") {
		item = strings.TrimSpace(item)
		_, addrErr := netip.ParseAddr(item)
		_, prefixErr := netip.ParsePrefix(item)
		if addrErr != nil && prefixErr != nil {
			return errWrong
		}
		list = append(list, item)
	}
	*to = list
	return nil
}

// hostNames takes a list of names, in small letters; "*." in front of one stands for all below it, "*" for all.
func hostNames(to *[]string, v string) error {
	var list []string
	for item := range strings.SplitSeq(v, ",") {
		item = strings.ToLower(strings.TrimSpace(item))
		bare := strings.TrimPrefix(item, "*.")
		var name string
		if item != "*" && (bare == "" || strings.Contains(bare, "*") || host(&name, bare) != nil) {
			return errWrong
		}
		list = append(list, item)
	}
	*to = list
	return nil
}

// postgresURL takes the URL of a PostgreSQL database.
func postgresURL(to *string, v string) error {
	u, err := url.Parse(v)
	if err == nil && misread(u, v) {
		err = errWrong
	}
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Opaque != "" {
		return errWrong
	}
	*to = v
	return nil
}

// redisURL takes host:port, a host, or a URL; what it leaves out of the address
// is localhost and 6379.
func redisURL(to *string, v string) error {
	if !strings.Contains(v, "://") {
		v = "redis://" + v
	}
	u, err := url.Parse(v)
	if err == nil && misread(u, v) {
		err = errWrong
	}
	if err != nil || u.Scheme != "redis" && u.Scheme != "rediss" {
		return errWrong
	}
	name, port := u.Hostname(), u.Port()
	if name == "" {
		name = "localhost"
	}
	if port == "" {
		port = "6379"
	}
	number := 0
	if integer(&number, port, 1, 65535) != nil || !redisPath(u.Path) {
		return errWrong
	}
	u.Host = net.JoinHostPort(name, port)
	*to = u.String()
	return nil
}

// misread reports whether a URL was cut where a password goes on: at a # / or ? that was not written as %23, %2F or
// %3F. Part of the password would otherwise be taken for a port or a path, and shown. An @ in a password is read
// rightly: the last one before the path ends it.
func misread(u *url.URL, v string) bool {
	if strings.Contains(v, "#") {
		return true
	}
	if strings.ContainsRune(u.EscapedPath(), '@') || strings.Count(u.EscapedPath(), "/") > 1 {
		return true
	}
	before, _, cut := strings.Cut(u.RawQuery, "@")
	return cut && u.User == nil && !strings.Contains(before, "=")
}

// redisPath takes nothing, or the number of a database.
func redisPath(path string) bool {
	number := strings.TrimPrefix(path, "/")
	if number == "" {
		return true
	}
	n, err := strconv.Atoi(number)
	return err == nil && n >= 0
}
