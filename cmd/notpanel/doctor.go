package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/doctor"
)

// doctorCommand looks at the panel's settings and its machine.
type doctorCommand struct {
	output

	Settings unchecked `embed:""`
}

// unchecked are settings that the parser does not check as a whole: what is wrong with
// them is a finding, not a wrong use of the command.
type unchecked config.Serve

// errIll says that something does not work.
var errIll = errors.New("something does not work: see the lines that say bad")

// Run prints what it finds, and fails where something does not work.
func (c *doctorCommand) Run(ctx context.Context, t terminal) error {
	next, done := t.progress()
	next("looking")
	found := doctor.Examine(ctx, config.Serve(c.Settings))
	done()
	ill := false
	for _, f := range found {
		ill = ill || f.Verdict == doctor.Bad
	}
	if c.JSON {
		if err := t.json(found); err != nil {
			return err
		}
	} else {
		for _, f := range found {
			fmt.Fprintf(t.out, "%-4s  %s: %s\n", f.Verdict, printable(f.About), printable(f.Says))
			if f.Do != "" {
				fmt.Fprintf(t.out, "      → %s\n", printable(f.Do))
			}
		}
	}
	if ill {
		return errIll
	}
	return nil
}
