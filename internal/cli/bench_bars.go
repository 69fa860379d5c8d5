package cli

import (
	"context"
	"flag"
	"fmt"
	"io"
	"time"

	"quantix/internal/bench"
	"quantix/internal/repository"
)

// runBars measures baselines and figures in one go and shows each bar. Status 1 when a promise was broken: a figure is
// void then. A bar that is missed is no failure of the program.
func runBars(ctx context.Context, p Program, args []string) error {
	fs := flag.NewFlagSet("bench bars", flag.ContinueOnError)
	b := bench.NewBars(p.Stderr, p.auditQuietly)
	fs.IntVar(&b.Runs, "runs", 3, "how often everything is measured; the table shows medians")
	fs.DurationVar(&b.Load, "duration", 10*time.Second, "how long each load lasts")
	only := fs.String("only", "", "measure these alone, separated by commas: "+bench.MeasureNames(false)+
		"; off unless named, because they take long: "+bench.MeasureNames(true)+"; or all: every one of them")
	clients := fs.String("clients", "", "of the measure hostile, take these alone, separated by commas: "+bench.HostileNames())
	quick := fs.Bool("quick", false, "a second and a hundredth of the rows each: shows that it works, not how fast")
	asJSON := fs.Bool("json", false, "print the table as JSON")
	markdown := fs.Bool("markdown", false, "print the table as Markdown")
	save := fs.String("save", "", "file to save all runs' figures to, as JSON")
	var err error
	if b.Config, err = p.load(fs, args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return usageError("bench bars takes flags, not %q", fs.Arg(0))
	}
	if *quick {
		b.Hurry()
	}
	if err := b.Choose(*only, *clients); err != nil {
		return usageError("%v", err)
	}
	if err := b.Measure(ctx); err != nil {
		return err
	}
	return showSheet(p, b.Sheet, *asJSON, *markdown, *save)
}

// auditQuietly is quantix audit on an open store, without a word.
func (p Program) auditQuietly(ctx context.Context, store repository.Store) error {
	p.Stdout = io.Discard
	return auditAll(ctx, p, store)
}

func showSheet(p Program, sheet *bench.Sheet, asJSON, markdown bool, save string) error {
	if save != "" {
		if err := sheet.Save(save); err != nil {
			return err
		}
	}
	var err error
	switch {
	case asJSON:
		var text []byte
		if text, err = sheet.MarshalJSON(); err == nil {
			_, err = fmt.Fprintf(p.Stdout, "%s\n", text)
		}
	case markdown:
		err = sheet.Markdown(p.Stdout)
	default:
		err = sheet.Text(p.Stdout)
	}
	if err == nil && len(sheet.Voids()) > 0 {
		fmt.Fprintln(p.Stderr, "a promise was broken: what is void counts as zero")
		return exitError(1)
	}
	return err
}
