package config

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// service is what matters of a service in a Compose file.
type service struct {
	Command     []string          `yaml:"command"`
	Environment map[string]string `yaml:"environment"`
	Ports       []string          `yaml:"ports"`
	Image       string            `yaml:"image"`
	Restart     string            `yaml:"restart"`
	Deploy      struct {
		Replicas int `yaml:"replicas"`
	} `yaml:"deploy"`

	replaces bool // its ports, and does not add to them
}

// variable is what Compose replaces: ${NAME}, ${NAME:-default} or ${NAME:?why it is needed}.
var variable = regexp.MustCompile(`\$\{(\w+)(?::([-?])([^}]*))?\}`)

// composed reads Compose files as `docker compose -f … -f …` does, as far as they are used here: variables are
// replaced, then each file's services are laid over those before.
func composed(vars map[string]string, files ...string) (map[string]service, error) {
	all := map[string]service{}
	for _, file := range files {
		content, err := os.ReadFile("../../" + file)
		if err != nil {
			return nil, err
		}
		text := variable.ReplaceAllStringFunc(string(content), func(v string) string {
			parts := variable.FindStringSubmatch(v)
			if value := vars[parts[1]]; value != "" || parts[2] == "" {
				return value
			}
			if parts[2] == "?" {
				err = cmp.Or(err, fmt.Errorf("%s: %s", parts[1], parts[3]))
			}
			return parts[3]
		})
		if err != nil {
			return nil, err
		}
		services, err := servicesOf(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for name, s := range services {
			all[name] = all[name].under(s)
		}
	}
	return all, nil
}

// servicesOf reads one file.
func servicesOf(text string) (map[string]service, error) {
	var file struct {
		Services map[string]service `yaml:"services"`
	}
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		return nil, err
	}
	tree, err := parser.ParseBytes([]byte(text), 0)
	if err != nil {
		return nil, err
	}
	for name, s := range file.Services {
		path, err := yaml.PathString("$.services." + name + ".ports")
		if err != nil {
			return nil, err
		}
		if node, err := path.FilterFile(tree); err == nil {
			_, s.replaces = node.(*ast.TagNode) // !reset or !override
		}
		file.Services[name] = s
	}
	return file.Services, nil
}

// under returns a service with another's settings over its own.
func (s service) under(over service) service {
	environment := map[string]string{}
	for _, from := range []map[string]string{s.Environment, over.Environment} {
		for name, value := range from {
			environment[name] = value
		}
	}
	ports := append(slices.Clone(s.Ports), over.Ports...)
	if over.replaces {
		ports = over.Ports
	}
	merged := service{
		Environment: environment, Ports: ports, Command: s.Command, Deploy: s.Deploy, Image: cmp.Or(over.Image, s.Image),
		Restart: cmp.Or(over.Restart, s.Restart),
	}
	if over.Command != nil {
		merged.Command = over.Command
	}
	merged.Deploy.Replicas = max(s.Deploy.Replicas, over.Deploy.Replicas)
	return merged
}

// settings are those that a service of ours runs with.
func (s service) settings(t *testing.T, name string) Config {
	t.Helper()
	names := settingNames()
	for variable := range s.Environment {
		if !names[variable] {
			t.Errorf("%s: %s is no setting", name, variable)
		}
	}
	return load(t, s.Environment)
}

func TestCompose_is_open_to_this_machine_alone(t *testing.T) {
	t.Parallel()
	services, err := composed(nil, "docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	app := services["app"]
	c := app.settings(t, "app")
	if err := c.Validate("serve"); err != nil || c.Environment != Development || c.Auth {
		t.Errorf("%v, %s, AUTH %t: want development, without a key", err, c.Environment, c.Auth)
	}
	if c.Addr() != "0.0.0.0:8080" || c.Store() != Postgres || c.Queue() != Redis {
		t.Errorf("%s, %s, %s", c.Addr(), c.Store(), c.Queue())
	}
	if !slices.Equal(app.Ports, []string{"127.0.0.1:8080:8080"}) {
		t.Errorf("the app's ports are %v", app.Ports)
	}
	for name, s := range services {
		for _, port := range s.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s is published as %s", name, port)
			}
		}
	}
}

func TestCompose_for_production(t *testing.T) {
	t.Parallel()
	files := []string{"docker-compose.yml", "docker-compose.production.yml"}
	vars := map[string]string{
		"DB_PASSWORD": "s3cret", "PUBLIC_URL": "https://tickets.example.com", "STRIPE_SECRET_KEY": "sk_x", "STRIPE_WEBHOOK_SECRET": "whsec_x",
	}
	services, err := composed(vars, files...)
	if err != nil {
		t.Fatal(err)
	}
	for name, command := range map[string]string{"app": "serve --api", "worker": "worker", "first-key": "keys create --if-none --name first --role admin"} {
		s, there := services[name]
		if !there || strings.Join(s.Command, " ") != command || s.Image != "quantix" {
			t.Errorf("%s: %q of %q, want %q", name, s.Command, s.Image, command)
			continue
		}
		c := s.settings(t, name)
		if name == "first-key" {
			command = "keys"
		}
		if err := c.Validate(command); err != nil || c.Environment != Production || !c.Auth || c.DB.Password != "s3cret" {
			t.Errorf("%s: %v, %s, AUTH %t, password %q", name, err, c.Environment, c.Auth, c.DB.Password)
		}
		if (name == "first-key") != (s.Restart == "no") || (name == "first-key") == (s.Deploy.Replicas > 1) {
			t.Errorf("%s: restart %q, %d replicas", name, s.Restart, s.Deploy.Replicas)
		}
	}
	for name, s := range services {
		if want := map[string]string{"app": "127.0.0.1:8080-8081:8080"}[name]; strings.Join(s.Ports, " ") != want {
			t.Errorf("%s is published as %v, want %q", name, s.Ports, want)
		}
	}
	if got := services["postgres"].Environment["POSTGRES_PASSWORD"]; got != "s3cret" {
		t.Errorf("PostgreSQL's password is %q", got)
	}
	for missing, says := range map[string]string{"DB_PASSWORD": "a password of your own", "PUBLIC_URL": "the address that buyers reach"} {
		without := map[string]string{}
		for name, value := range vars {
			if name != missing {
				without[name] = value
			}
		}
		if _, err := composed(without, files...); err == nil || !strings.Contains(err.Error(), missing+": set "+missing+" in .env, to "+says) {
			t.Errorf("without %s: %v", missing, err)
		}
	}
	// Nothing is sold for simulated money by accident.
	delete(vars, "STRIPE_SECRET_KEY")
	if services, err = composed(vars, files...); err != nil || services["app"].settings(t, "app").Validate("serve --api") == nil {
		t.Errorf("without Stripe's key: %v", err)
	}
}

// What docs/operations.md has for a first start in production is enough for it, as it stands.
func TestOperations_settings_of_production_are_enough(t *testing.T) {
	t.Parallel()
	manual, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(manual), "```bash\n# /etc/quantix/quantix.env, chmod 600\n")
	block, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("the settings are not where they were")
	}
	for name, secret := range map[string]string{"stripe-key": "sk_live_x", "stripe-hook": "whsec_x"} {
		block = strings.ReplaceAll(block, "/etc/quantix/"+name, settingsFile(t, secret))
	}
	c := load(t, nil, "--env-file", settingsFile(t, block))
	for _, command := range []string{"serve", "worker", "doctor"} {
		if err := c.Validate(command); err != nil || c.Environment != Production || len(c.Warnings()) > 0 {
			t.Errorf("%s: %v, %s, %v", command, err, c.Environment, c.Warnings())
		}
	}
}
