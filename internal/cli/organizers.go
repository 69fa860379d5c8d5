package cli

import (
	"context"
	"flag"
	"fmt"
	"text/tabwriter"

	"quantix/internal/app"
	"quantix/internal/config"
	"quantix/internal/models"
)

// runOrganizers makes and lists organizers, beside a running server.
func runOrganizers(ctx context.Context, p Program, args []string) error {
	verb, args := cutVerb(args)
	name, args := cutArgument(verb == "create", args)
	fs := flag.NewFlagSet("organizers", flag.ContinueOnError)
	c, err := p.load(fs, args)
	if err != nil {
		return err
	}
	switch {
	case verb == "list" && fs.NArg() == 0:
		return listOrganizers(ctx, p, c)
	case verb == "create" && len(name)+fs.NArg() == 1:
		return createOrganizer(ctx, p, c, append(name, fs.Args()...)[0])
	}
	return usageError("organizers takes one of create name, list")
}

func createOrganizer(ctx context.Context, p Program, c config.Config, name string) error {
	organizer, err := models.NewOrganizer(name)
	if err != nil {
		return sentence(err)
	}
	store, err := openBeside(ctx, p, c)
	if err != nil {
		return err
	}
	defer store.Close()
	if organizer, err = store.CreateOrganizer(ctx, organizer); err != nil {
		return sentence(err)
	}
	fmt.Fprintln(p.Stdout, organizer.ID)
	return nil
}

func listOrganizers(ctx context.Context, p Program, c config.Config) error {
	store, err := app.OpenStore(ctx, c, app.NewLogger(p.Stderr, c), app.Reading)
	if err != nil {
		return err
	}
	defer store.Close()
	w := tabwriter.NewWriter(p.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprint(w, "ID\tNAME\n")
	page := models.Page{Limit: models.MaxLimit}
	for {
		list, err := store.Organizers(ctx, models.Everything, page)
		if err != nil {
			return sentence(err)
		}
		for _, o := range list {
			fmt.Fprintf(w, "%s\t%s\n", o.ID, o.Name)
		}
		if len(list) < page.Limit {
			return w.Flush()
		}
		page.After = &models.Position{ID: list[len(list)-1].ID}
	}
}
