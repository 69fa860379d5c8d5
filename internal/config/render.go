package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// hidden stands for a secret.
const hidden = "********"

// Redacted returns all settings in the table's order, for people to read: a
// password is hidden, and so are the passwords inside addresses. Of a wrong
// secret nobody knows where its secret part is, so all of it is hidden.
func (c Config) Redacted() []Setting {
	settings := slices.Clone(c.settings)
	for i, o := range options {
		switch {
		case i >= len(settings) || !o.Secret || settings[i].Value == "":
		case settings[i].wrong:
			settings[i].Value = hidden
		default:
			settings[i].Value = redact(o.Name, settings[i].Value)
		}
	}
	return settings
}

// redact hides a secret; of an address it leaves what is safe to show.
func redact(name, value string) string {
	u, err := parseAddress(name, value)
	if err != nil {
		return hidden
	}
	// Drivers read passwords from the query, too; only the place is of interest.
	safe := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	if user := u.User.Username(); user != "" {
		safe.User = url.User(user)
	}
	return safe.String()
}

// parseAddress reads a secret that is an address with a password in it.
func parseAddress(name, value string) (*url.URL, error) {
	if !strings.HasSuffix(name, "_URL") {
		return nil, errWrong
	}
	if !strings.Contains(value, "://") {
		value = "redis://" + value // only Redis may be given without a scheme
	}
	return url.Parse(value)
}

// holdsSecret reports whether the value of a secret option tells one: an address may have no password.
func holdsSecret(name, value string) bool {
	u, err := parseAddress(name, value)
	if value == "" || err != nil {
		return value != ""
	}
	_, inUser := u.User.Password()
	return inUser || u.Query().Has("password") || u.Query().Has("sslpassword")
}

// Secrets returns every secret that was given, and the passwords of those that are addresses, for what must not be
// written anywhere. A default is no secret.
func (c Config) Secrets() []string {
	var secrets []string
	for i, s := range c.settings {
		if !options[i].Secret || s.Value == "" || s.Value == options[i].Default {
			continue
		}
		u, err := parseAddress(s.Name, s.Value)
		if err != nil || s.wrong {
			secrets = append(secrets, s.Value)
			continue
		}
		if password, given := u.User.Password(); given {
			secrets = append(secrets, password)
		}
		secrets = slices.Concat(secrets, u.Query()["password"], u.Query()["sslpassword"])
	}
	return secrets
}

// Markdown renders the table of settings for the README.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| Variable | Default | Description |\n|----------|---------|-------------|\n")
	for _, o := range options {
		fmt.Fprintf(&b, "| %s | %s | %s (%s) |\n", names(o), defaults(o), upperFirst(o.Help), o.Accepts)
	}
	return b.String()
}

// defaults are an option's, for the README.
func defaults(o Option) string {
	if o.Production == "" {
		return code(o.Default)
	}
	return code(o.Default) + "; in production " + code(o.Production)
}

// names are the variables of an option.
func names(o Option) string {
	if o.File() == "" {
		return code(o.Name)
	}
	return code(o.Name) + ", " + code(o.File())
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// Usage renders the table of settings for a terminal.
func Usage() string {
	var b strings.Builder
	for _, o := range options {
		fmt.Fprintf(&b, "  %-26s --%s\n", o.Name, o.Flag())
		fmt.Fprintf(&b, "      %s\n      accepted: %s\n", o.Help, o.Accepts)
		if o.Default != "" {
			fmt.Fprintf(&b, "      default: %s\n", o.Default)
		}
		if o.Production != "" {
			fmt.Fprintf(&b, "      default in production: %s\n", o.Production)
		}
		if o.File() != "" {
			fmt.Fprintf(&b, "      %s (--%s-file) names a file that holds it\n", o.File(), o.Flag())
		}
	}
	return b.String()
}
