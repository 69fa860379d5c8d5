package config

import (
	"errors"
	"strings"
	"testing"
)

// production is what serve needs at least, without a database of its own.
func production(more map[string]string) map[string]string {
	vars := map[string]string{
		"APP_ENV": "production", "PUBLIC_URL": "https://tickets.example.com", "TRUSTED_PROXIES": "10.0.0.1", "ALLOW_SIMULATED_PAYMENTS": "true",
	}
	for name, value := range more {
		vars[name] = value
	}
	return vars
}

func TestProduction_refuses(t *testing.T) {
	t.Parallel()
	const web, works, stores = "serve,doctor", "serve,doctor,worker", "serve,doctor,worker,seed,audit,migrate,bench,bench bars,keys,installation"
	password := "the database's password is the default one"
	tests := map[string]struct {
		vars map[string]string
		says string // empty: nothing
		to   string // the commands that it is said to
	}{
		"nothing":                     {nil, "", ""},
		"AUTH=off":                    {map[string]string{"AUTH": "off"}, "AUTH is off", works},
		"AUTH=on":                     {map[string]string{"AUTH": "on"}, "", ""},
		"the simulator":               {map[string]string{"ALLOW_SIMULATED_PAYMENTS": ""}, "PAYMENT_GATEWAY is simulator", works},
		"no PUBLIC_URL":               {map[string]string{"PUBLIC_URL": ""}, "PUBLIC_URL is not set", web},
		"a PUBLIC_URL without TLS":    {map[string]string{"PUBLIC_URL": "http://localhost:8080"}, "PUBLIC_URL is not https", web},
		"no TLS in front":             {map[string]string{"TRUSTED_PROXIES": ""}, "nothing in front", web},
		"no TLS in front of a name":   {map[string]string{"TRUSTED_PROXIES": "", "HOST": "tickets"}, "nothing in front", web},
		"TLS on this machine":         {map[string]string{"TRUSTED_PROXIES": "", "HOST": "127.0.0.1"}, "", ""},
		"TLS on this machine's name":  {map[string]string{"TRUSTED_PROXIES": "", "HOST": "localhost"}, "", ""},
		"TLS on this machine, IPv6":   {map[string]string{"TRUSTED_PROXIES": "", "HOST": "::1"}, "", ""},
		"a database without password": {map[string]string{"DATABASE_URL": "postgres:///n?host=/run"}, "", ""},
		"a database with one":         {map[string]string{"DB_PASSWORD": "s3cret"}, "", ""},
		"the default password":        {map[string]string{"DB_HOST": "db"}, password, stores},
		"the same, given":             {map[string]string{"DB_PASSWORD": "password"}, password, stores},
		"the same in a URL":           {map[string]string{"DATABASE_URL": "postgres://u:password@db/n"}, password, stores},
		"the same in its query":       {map[string]string{"DATABASE_URL": "postgres://db/n?password=password"}, password, stores},
		"the same, escaped":           {map[string]string{"DATABASE_URL": "postgres://u:p%61ssword@db/n"}, password, stores},
	}
	for name, test := range tests {
		vars := production(test.vars)
		for command := range strings.SplitSeq(stores+",healthcheck", ",") {
			if command == "worker" { // which needs both
				vars["REDIS_URL"] = "cache"
				if vars["DB_HOST"]+vars["DATABASE_URL"]+vars["DB_PASSWORD"] == "" {
					vars["DATABASE_URL"] = "postgres:///n"
				}
			}
			err := load(t, vars).Validate(command)
			want := test.says
			if !strings.Contains(","+test.to+",", ","+command+",") {
				want = ""
			}
			if (err == nil) != (want == "") || err != nil && (!strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n")) {
				t.Errorf("%s, %s: %v, want %q", name, command, err, want)
			}
		}
		if err := load(t, test.vars, "--app-env=development").Validate("serve"); err != nil && strings.Contains(err.Error(), "production") {
			t.Errorf("%s, in development: %v", name, err)
		}
	}
}

// Whoever sets a server up learns of everything at once, not of one thing after another.
func TestProduction_tells_all_faults_at_once(t *testing.T) {
	t.Parallel()
	vars := map[string]string{"APP_ENV": "production", "AUTH": "off", "DB_HOST": "db", "STRIPE_SECRET_KEY": "sk_s3cret"}
	for command, count := range map[string]int{"serve": 6, "doctor": 6, "serve --api": 7, "worker": 5, "seed": 1} {
		err := load(t, vars).Validate(command)
		faults, _ := errors.AsType[Faults](err)
		if len(faults) != count || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %d faults, want %d: %v", command, len(faults), count, err)
		}
	}
}

func TestIsOpen_knows_whom_it_is_open_to(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		vars         map[string]string
		open, beyond bool
	}{
		{nil, true, false},
		{map[string]string{"HOST": "127.0.0.2"}, true, false},
		{map[string]string{"HOST": "localhost"}, true, false},
		{map[string]string{"HOST": "0.0.0.0"}, true, true},
		{map[string]string{"HOST": "::"}, true, true},
		{map[string]string{"HOST": "192.168.1.5"}, true, true},
		{map[string]string{"HOST": "tickets"}, true, true},
		{map[string]string{"HOST": "0.0.0.0", "AUTH": "on"}, false, false},
		{map[string]string{"APP_ENV": "production"}, false, false},
		{map[string]string{"APP_ENV": "production", "AUTH": "off"}, true, true},
	} {
		if open, beyond := load(t, test.vars).IsOpen(); open != test.open || beyond != test.beyond {
			t.Errorf("%v: open %t, beyond this machine %t", test.vars, open, beyond)
		}
	}
}

func TestProduction_warns_of_a_proxy_that_is_not_named(t *testing.T) {
	t.Parallel()
	for name, vars := range map[string]map[string]string{
		"": production(nil), "TRUSTED_PROXIES is not set": production(map[string]string{"TRUSTED_PROXIES": "", "HOST": "127.0.0.1"}),
		"TRUSTED_PROXIES trusts everybody": production(map[string]string{"TRUSTED_PROXIES": "10.0.0.1,0.0.0.0/0"}),
	} {
		if warnings := strings.Join(load(t, vars).Warnings(), "\n"); !strings.HasPrefix(warnings, name) || (name == "") != (warnings == "") {
			t.Errorf("%v: %q, want %q", vars, warnings, name)
		}
	}
}

func TestTokens_must_be_for_this_server(t *testing.T) {
	t.Parallel()
	const issuer, audience, claim = "AUTH_OIDC_ISSUER", "AUTH_OIDC_AUDIENCE", "AUTH_OIDC_ROLES_CLAIM"
	for _, test := range []struct {
		vars map[string]string
		says string // empty: nothing
	}{
		{map[string]string{issuer: "https://h", audience: "quantix"}, ""},
		{map[string]string{issuer: "https://h", audience: "quantix", claim: "roles"}, ""},
		{map[string]string{issuer: "https://h"}, "AUTH_OIDC_ISSUER is set, but not AUTH_OIDC_AUDIENCE"},
		{map[string]string{audience: "quantix"}, "AUTH_OIDC_AUDIENCE or AUTH_OIDC_ROLES_CLAIM is set, but not AUTH_OIDC_ISSUER"},
		{map[string]string{claim: "roles"}, "AUTH_OIDC_AUDIENCE or AUTH_OIDC_ROLES_CLAIM is set, but not AUTH_OIDC_ISSUER"},
	} {
		for _, command := range []string{"serve", "doctor"} {
			if err := load(t, test.vars).Validate(command); (err == nil) != (test.says == "") || err != nil && !strings.HasPrefix(err.Error(), test.says) {
				t.Errorf("%v, %s: %v", test.vars, command, err)
			}
		}
		warned := strings.Contains(strings.Join(load(t, test.vars).Warnings(), "\n"), "nobody is asked for a token")
		if on := load(t, test.vars, "--auth=on").Warnings(); warned != (test.vars[issuer] != "") || len(on) > 0 {
			t.Errorf("%v: warned %t, with AUTH=on %q", test.vars, warned, on)
		}
	}
}
