// Command notpanel is the panel: the server, the demo and the operator's tools in
// one program. Each command has a file of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/notpanel/notpanel/internal/fault"
)

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

// version is set by the build.
var version = "development"

// commands is the command line.
type commands struct {
	Serve     serveCommand     `cmd:"" help:"Serve the panel."`
	Demo      demoCommand      `cmd:"" help:"Show the whole story: a panel, a provider and orders in every state, in one process."`
	Simulator simulatorCommand `cmd:"" help:"Run the simulated provider alone."`

	Account  accountCommands  `cmd:"" help:"Make accounts, credit, suspend and list them."`
	Key      keyCommands      `cmd:"" help:"Make, rotate, revoke and list API keys."`
	Provider providerCommands `cmd:"" help:"Add providers, import their services, pause and list them."`
	Service  serviceCommands  `cmd:"" help:"List and change services."`
	Order    orderCommands    `cmd:"" help:"List and show orders, and settle those that wait for a person."`
	Audit    auditCommand     `cmd:"" help:"Prove every wallet, every order and the audit log."`
	Migrate  migrateCommands  `cmd:"" help:"Bring the database's schema up to date, or show where it is."`
	Version  versionCommand   `cmd:"" help:"Print the version."`
}

// terminal is what a command reads and writes; tests pass their own.
type terminal struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	limitFileModes()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], terminal{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(code)
}

// run parses and runs a command and returns the exit code.
func run(ctx context.Context, args []string, t terminal) (code int) {
	var c commands
	exited := -1
	parser, err := kong.New(&c, kong.Name("notpanel"), kong.UsageOnError(),
		kong.Description("A self-hosted reseller-order panel."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Writers(t.out, t.err), kong.Exit(func(code int) { exited = code }),
		kong.Bind(t), kong.BindTo(ctx, (*context.Context)(nil)))
	if err != nil {
		return say(t, err)
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 {
		return exited // help was asked for and printed
	}
	if err != nil {
		fmt.Fprintf(t.err, "notpanel: %s\nRun `notpanel --help` for the commands and their flags.\n", err)
		return exitUsage
	}
	return say(t, parsed.Run())
}

// say prints what went wrong and returns the exit code.
func say(t terminal, err error) int {
	var wrong *usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &wrong):
		fmt.Fprintln(t.err, "notpanel:", err)
		return exitUsage
	}
	fmt.Fprintln(t.err, "notpanel:", message(err))
	return exitFailed
}

// message is an error as its reader can use it: the text made for people where
// there is one, with the cause.
func message(err error) string {
	var f *fault.Error
	if errors.As(err, &f) && f.Cause == nil {
		return f.Text
	}
	return err.Error()
}

// usageError says that a command was used wrongly.
type usageError struct{ text string }

// Error returns what to do instead.
func (e *usageError) Error() string { return e.text }
