package cli

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"quantix/internal/app"
	"quantix/internal/config"
	"quantix/internal/identity"
	"quantix/internal/models"
	"quantix/internal/repository"
)

// keyFlags is what a key is made of, as it was typed.
type keyFlags struct {
	name, role, organizer, events, expires *string
	ifNone, asJSON                         *bool
}

// runKeys makes, lists and revokes API keys, beside a running server.
func runKeys(ctx context.Context, p Program, args []string) error {
	verb, args := cutVerb(args)
	id, args := cutArgument(verb == "revoke", args)
	fs := flag.NewFlagSet("keys", flag.ContinueOnError)
	f := keyFlags{
		name:      fs.String("name", "", "create: what the key is called (default: its role)"),
		role:      fs.String("role", "", "create: admin, organizer, box_office or door"),
		organizer: fs.String("organizer", "", "create: `id` of the organizer that it is of; the default one unless given"),
		events:    fs.String("events", "", "create: `ids` of the only events that it is for, separated by commas"),
		expires:   fs.String("expires", "", "create: `when` it ends, such as 720h or 2030-12-31T00:00:00Z (default: never)"),
		ifNone:    fs.Bool("if-none", false, "create: only if there is no key of an admin yet"),
		asJSON:    fs.Bool("json", false, "create, list: as JSON"),
	}
	c, err := p.load(fs, args)
	if err != nil {
		return err
	}
	switch {
	case verb == "create" && fs.NArg() == 0:
		return createKey(ctx, p, c, f)
	case verb == "list" && fs.NArg() == 0:
		return listKeys(ctx, p, c, *f.asJSON)
	case verb == "revoke" && len(id)+fs.NArg() == 1:
		return revokeKey(ctx, p, c, append(id, fs.Args()...)[0])
	}
	return usageError("keys takes one of create, list, revoke id")
}

// cutArgument takes the word between a verb and the flags, if the verb has one.
func cutArgument(has bool, args []string) (argument, rest []string) {
	if !has || len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return nil, args
	}
	return args[:1], args[1:]
}

// openBeside opens the store for a small change beside a running server; one that is not there yet, or older than this
// program, as a server would that starts.
func openBeside(ctx context.Context, p Program, c config.Config) (app.Store, error) {
	store, err := app.OpenStore(ctx, c, app.NewLogger(p.Stderr, c), app.Beside)
	if err == nil || ctx.Err() != nil {
		return store, err
	}
	return app.OpenStore(ctx, c, app.NewLogger(p.Stderr, c), app.Writing)
}

func createKey(ctx context.Context, p Program, c config.Config, f keyFlags) error {
	draft, err := f.draft(time.Now())
	if err != nil {
		return err
	}
	key, err := models.NewAPIKey(draft)
	if err != nil {
		return sentence(err)
	}
	store, err := openBeside(ctx, p, c)
	if err != nil {
		return err
	}
	defer store.Close()
	if *f.ifNone {
		admin, err := identity.FindAdmin(ctx, store)
		if err != nil || admin != nil {
			return tellKept(p, admin, err)
		}
	}
	text, hash := identity.NewKey()
	if key, err = store.CreateKey(ctx, key, hash); err != nil {
		return sentence(err)
	}
	if *f.asJSON {
		return writeJSON(p, keyView{keyOf(&key), text})
	}
	fmt.Fprintln(p.Stdout, text)
	fmt.Fprintf(p.Stderr, "This is key %s (%s), of role %s. It is shown this once: only its hash is kept.\n"+
		"Programs send it as  Authorization: Bearer <key>;  quantix keys revoke %s  ends it everywhere within a second.\n",
		key.ID, key.Name, key.Role, key.ID)
	return nil
}

// tellKept says why no key was made.
func tellKept(p Program, admin *models.APIKey, err error) error {
	if err != nil {
		return sentence(err)
	}
	fmt.Fprintf(p.Stderr, "There is a key of an admin already, %s (%s); none was made.\n", admin.ID, admin.Name)
	return nil
}

// draft reads what was typed.
func (f keyFlags) draft(now time.Time) (models.KeyDraft, error) {
	d := models.KeyDraft{Name: *f.name, Role: models.Role(*f.role)}
	if d.Name == "" {
		d.Name = *f.role
	}
	if *f.ifNone && d.Role != models.RoleAdmin {
		return d, usageError("--if-none is for the first key of an admin: --role admin")
	}
	var err error
	switch {
	case *f.organizer != "":
		if d.Organizer, err = models.ParseID[models.OrganizerID](*f.organizer); err != nil {
			return d, usageError("--organizer: %v", err)
		}
	case d.Role != models.RoleAdmin:
		d.Organizer = models.DefaultOrganizer
	}
	for text := range strings.SplitSeq(*f.events, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		event, err := models.ParseID[models.EventID](text)
		if err != nil {
			return d, usageError("--events: %v", err)
		}
		d.Events = append(d.Events, event)
	}
	d.ExpiresAt, err = parseEnd(*f.expires, now)
	return d, err
}

// parseEnd reads a time to come, as such or as how long it is until then; zero for none.
func parseEnd(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	end, err := time.Parse(time.RFC3339, text)
	if err != nil {
		long, err := time.ParseDuration(text)
		if err != nil {
			return time.Time{}, usageError("--expires takes a duration such as 720h or a time such as 2030-12-31T00:00:00Z, not %q", text)
		}
		end = now.Add(long)
	}
	if !end.After(now) {
		return time.Time{}, usageError("--expires is over already: %s", end.UTC().Format(time.RFC3339))
	}
	return end, nil
}

func listKeys(ctx context.Context, p Program, c config.Config, asJSON bool) error {
	store, err := app.OpenStore(ctx, c, app.NewLogger(p.Stderr, c), app.Reading)
	if err != nil {
		return err
	}
	defer store.Close()
	list := []keyJSON{}
	err = identity.EachKey(ctx, store, func(key *models.APIKey) bool {
		list = append(list, keyOf(key))
		return false
	})
	if err != nil {
		return sentence(err)
	}
	if asJSON {
		return writeJSON(p, list)
	}
	w := tabwriter.NewWriter(p.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprint(w, "ID\tNAME\tROLE\tORGANIZER\tEVENTS\tEXPIRES\tLAST USED\n")
	for _, k := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Name, k.Role, orDash(k.Organizer), k.scope(),
			orDash(k.ExpiresAt), orDash(k.LastUsedAt))
	}
	return w.Flush()
}

func revokeKey(ctx context.Context, p Program, c config.Config, text string) error {
	id, err := models.ParseID[models.KeyID](text)
	if err != nil {
		return usageError("keys revoke: %v; quantix keys list shows the ids", err)
	}
	store, err := app.OpenStore(ctx, c, app.NewLogger(p.Stderr, c), app.Beside)
	if err != nil {
		return err
	}
	defer store.Close()
	if err := store.RevokeKey(ctx, models.Everything, id); err != nil {
		return sentence(err)
	}
	fmt.Fprintf(p.Stderr, "Key %s is revoked: every server refuses it within a second.\n", id)
	return nil
}

// keyJSON is a key as the API shows it, null where there is nothing to show.
type keyJSON struct {
	ID         string      `json:"id"`
	Name       string      `json:"name"`
	Role       models.Role `json:"role"`
	Organizer  *string     `json:"organizer_id"`
	Events     []string    `json:"event_ids"`
	ExpiresAt  *string     `json:"expires_at"`
	LastUsedAt *string     `json:"last_used_at"`
	CreatedAt  *string     `json:"created_at"`
}

// keyView is a new key, with its text.
type keyView struct {
	keyJSON
	Key string `json:"key"`
}

func keyOf(k *models.APIKey) keyJSON {
	v := keyJSON{
		ID: k.ID.String(), Name: k.Name, Role: k.Role, ExpiresAt: instantOrNull(k.ExpiresAt),
		LastUsedAt: instantOrNull(k.LastUsedAt), CreatedAt: instantOrNull(k.CreatedAt),
	}
	if !k.Organizer.IsZero() {
		organizer := k.Organizer.String()
		v.Organizer = &organizer
	}
	for _, event := range k.Only.IDs() {
		v.Events = append(v.Events, event.String())
	}
	return v
}

// scope says for which events a key is.
func (k keyJSON) scope() string {
	if len(k.Events) == 0 {
		return "all"
	}
	return strings.Join(k.Events, ",")
}

func instantOrNull(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	text := t.UTC().Format(time.RFC3339)
	return &text
}

func orDash(text *string) string {
	if text == nil {
		return "-"
	}
	return *text
}

func writeJSON(p Program, value any) error {
	e := json.NewEncoder(p.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(value)
}

// sentence says an error of the domain as people at a terminal read it, without its code.
func sentence(err error) error {
	domain, is := errors.AsType[*models.Error](repository.ToDomain(err))
	switch {
	case !is:
		return err
	case len(domain.Fields) > 0:
		texts := make([]string, len(domain.Fields))
		for i, field := range domain.Fields {
			texts[i] = field.Field + " " + field.Message
		}
		return errors.New(strings.Join(texts, "; "))
	case domain.Err != nil: // what the store said, which whoever runs the command may know
		return fmt.Errorf("%s (%w)", domain.Detail, domain.Err)
	}
	return errors.New(domain.Detail)
}
