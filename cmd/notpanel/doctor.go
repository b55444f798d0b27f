package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/notpanel/notpanel/internal/config"
	"github.com/notpanel/notpanel/internal/doctor"
)

// doctorCommand looks at the panel's settings and its machine.
type doctorCommand struct {
	output

	Settings config.Serve `embed:""`
}

// findsItself reports whether the parser refused settings that the doctor was to look
// at: then what is wrong with them is a finding, not a wrong use of the command.
func (c *doctorCommand) findsItself(err error) bool {
	wrong := c.Settings.Validate()
	return wrong != nil && strings.Contains(err.Error(), wrong.Error())
}

// errIll says that something does not work.
var errIll = errors.New("something does not work: see the lines that say bad")

// Run prints what it finds, and fails where something does not work.
func (c *doctorCommand) Run(ctx context.Context, t terminal) error {
	next, done := t.progress()
	next("looking")
	found := doctor.Examine(ctx, c.Settings)
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
