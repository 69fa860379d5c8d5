package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Environment is what a program runs for.
type Environment string

// The environments.
const (
	Development Environment = "development" // open: for one's own machine
	Production  Environment = "production"  // closed: for the internet
)

// appEnv is read before all other options, for defaults depend on it.
const appEnv = "APP_ENV"

// isProduction reports whether APP_ENV says so. A value that is neither is a fault of its own.
func (s sources) isProduction() bool {
	for _, o := range options {
		if o.Name == appEnv {
			setting, err := s.find(o)
			var e Environment
			return err == nil && environmentName(&e, setting.Value) == nil && e == Production
		}
	}
	return false
}

// rules says which of Validate's rules a command obeys.
type rules struct {
	web  bool // it answers HTTP for others
	runs bool // it sells or takes money
}

// rulesOf returns a command's rules. doctor looks at everything that serve would.
func rulesOf(command string) rules {
	switch command {
	case "serve", "serve --api", "doctor":
		return rules{web: true, runs: true}
	case "worker":
		return rules{runs: true}
	}
	return rules{}
}

// Validate returns, as Faults, everything for which a command cannot run with these settings, in a sentence each. The
// command is as the user types it; "serve --api" is one of its own. serve and worker obey all rules, worker without
// those of HTTP; every other command that opens a database those of its password alone.
func (c Config) Validate(command string) error {
	var faults Faults
	check := func(err error) {
		if err != nil {
			faults = append(faults, err)
		}
	}
	rules := rulesOf(command)
	if rules.runs {
		check(c.validateGateway())
		check(c.validateOIDC())
	}
	if command == "worker" || command == "serve --api" {
		check(c.validateQueue(command))
		check(c.validateStore(command))
	}
	if c.Environment == Production && command != "healthcheck" {
		check(c.validatePassword())
	}
	if c.Environment == Production && rules.runs {
		check(c.validateAuth())
		check(c.validateMoney())
	}
	if c.Environment == Production && rules.web {
		check(c.validatePublicURL())
		check(c.validateTLS())
	}
	if len(faults) > 0 {
		return faults
	}
	return nil
}

func (c Config) validateAuth() error {
	if c.Auth {
		return nil
	}
	return errors.New("AUTH is off, and APP_ENV is production, where anyone could do anything: set AUTH=on, or leave it out")
}

// validateOIDC sees that tokens are for this server: an issuer signs them for others as well.
func (c Config) validateOIDC() error {
	switch o := c.OIDC; {
	case o.Issuer != "" && o.Audience == "":
		return errors.New("AUTH_OIDC_ISSUER is set, but not AUTH_OIDC_AUDIENCE, without which its tokens for anyone would count here: " +
			"set it to what your issuer writes into aud for this server")
	case o.Issuer == "" && (o.Audience != "" || o.RolesClaim != ""):
		return errors.New("AUTH_OIDC_AUDIENCE or AUTH_OIDC_ROLES_CLAIM is set, but not AUTH_OIDC_ISSUER, whose tokens they are about: " +
			"set it, or take them away")
	}
	return nil
}

func (c Config) validateMoney() error {
	if c.PaymentGateway != Simulator || c.AllowSimulatedPayments {
		return nil
	}
	return errors.New("PAYMENT_GATEWAY is simulator, which takes no money, and APP_ENV is production: " +
		"set PAYMENT_GATEWAY=stripe, or, to sell for simulated money on purpose, ALLOW_SIMULATED_PAYMENTS=true")
}

// validatePassword refuses the password that everybody knows.
func (c Config) validatePassword() error {
	u, err := url.Parse(c.DatabaseURL)
	if err != nil || c.Store() != Postgres {
		return nil //nolint:nilerr // what is wrong with the address was told when it was read
	}
	password, _ := u.User.Password()
	if password != c.defaultPassword() && u.Query().Get("password") != c.defaultPassword() {
		return nil
	}
	return errors.New("the database's password is the default one, which everybody knows, and APP_ENV is production: " +
		"give PostgreSQL's user one of your own, and set it in DB_PASSWORD, DB_PASSWORD_FILE or DATABASE_URL " +
		"(where PostgreSQL asks for none, DATABASE_URL has none)")
}

func (c Config) defaultPassword() string {
	for _, o := range options {
		if o.Name == "DB_PASSWORD" {
			return o.Default
		}
	}
	return ""
}

func (c Config) validatePublicURL() error {
	if strings.HasPrefix(c.PublicURL, "https://") {
		return nil
	}
	is := "is not set"
	if c.PublicURL != "" {
		is = "is not https"
	}
	return fmt.Errorf("PUBLIC_URL %s, and APP_ENV is production: "+
		"set it to the address that buyers and programs reach this server at, such as https://tickets.example.com", is)
}

// validateTLS sees that nobody speaks to this program without TLS, which it has none of its own of.
func (c Config) validateTLS() error {
	if len(c.TrustedProxies) > 0 || isLoopback(c.Host) {
		return nil
	}
	return errors.New("nothing in front of this server is named that speaks TLS, and APP_ENV is production: " +
		"set TRUSTED_PROXIES to the address or network of the proxy that does, or HOST=127.0.0.1 if it is on this machine")
}

// Warnings returns what is not good about the settings, and no reason to stop.
func (c Config) Warnings() []string {
	warnings := append([]string{}, c.warnings...)
	if c.OIDC.Issuer != "" && !c.Auth {
		warnings = append(warnings, "AUTH_OIDC_ISSUER is set, and AUTH is off: nobody is asked for a token; set AUTH=on")
	}
	if c.Environment == Production && len(c.TrustedProxies) == 0 && isLoopback(c.Host) {
		warnings = append(warnings, "TRUSTED_PROXIES is not set: behind a proxy every caller has the proxy's address, in the log and for limits; "+
			"set it to 127.0.0.1,::1 if the proxy is on this machine")
	}
	if slices.ContainsFunc(c.TrustedProxies, isEverybody) {
		warnings = append(warnings, "TRUSTED_PROXIES trusts everybody: whoever asks may say which address they have, in the log and for limits; "+
			"set it to the proxy's own address or network")
	}
	return warnings
}

// isEverybody reports whether a network has all addresses.
func isEverybody(network string) bool {
	prefix, err := netip.ParsePrefix(network)
	return err == nil && prefix.Bits() == 0
}

// IsOpen reports whether anyone who reaches this program may do anything, and whether that may be more than this
// machine's own users.
func (c Config) IsOpen() (open, beyond bool) {
	return !c.Auth, !c.Auth && !isLoopback(c.Listen())
}

// isLoopback reports whether a host is reached from this machine alone.
func isLoopback(host string) bool {
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || isLoopbackAddress(host)
}

func isLoopbackAddress(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
