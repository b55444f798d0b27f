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
	"slices"
	"strings"
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

	Account      accountCommands      `cmd:"" help:"Make accounts, credit, suspend and list them."`
	Key          keyCommands          `cmd:"" help:"Make, rotate, revoke and list API keys."`
	Provider     providerCommands     `cmd:"" help:"Add providers, import their services, pause and list them."`
	Service      serviceCommands      `cmd:"" help:"List and change services."`
	Exchange     exchangeCommands     `cmd:"" help:"Set and list what other currencies are worth."`
	Category     categoryCommands     `cmd:"" help:"List categories and say what they are called in a language."`
	Price        priceCommands        `cmd:"" help:"Set what a tier or an account pays less than the list price."`
	Block        blockCommands        `cmd:"" help:"Say which targets nobody may order for."`
	Order        orderCommands        `cmd:"" help:"List and show orders, and settle those that wait for a person."`
	Topup        topupCommands        `cmd:"" help:"Say how customers pay by transfer, and approve what they paid."`
	Giveaway     giveawayCommands     `cmd:"" help:"Open giveaways of wallet credit, draw them, and check a draw."`
	Post         postCommands         `cmd:"" help:"Write, publish and list the posts of the blog."`
	Announcement announcementCommands `cmd:"" help:"Tell everybody something on the dashboard and the status page."`
	Maintenance  maintenanceCommands  `cmd:"" help:"Close the panel for maintenance, and open it again."`
	Webhook      webhookCommands      `cmd:"" help:"List resellers' webhooks, show what they were sent, and send it again."`
	Mail         mailCommands         `cmd:"" help:"Try the mail server."`
	Audit        auditCommand         `cmd:"" help:"Prove every wallet, every order and the audit log."`
	Backup       backupCommand        `cmd:"" help:"Copy the whole database to a file while the panel serves, or try such a file."`
	Restore      restoreCommand       `cmd:"" help:"Read a backup into a new place."`
	Resume       resumeCommand        `cmd:"" help:"Let a restored panel send what waits in it, once you have looked at it."`
	Doctor       doctorCommand        `cmd:"" help:"Look whether the panel can work with its settings on this machine, and say what to do."`
	Migrate      migrateCommands      `cmd:"" help:"Bring the database's schema up to date, or show where it is."`
	Version      versionCommand       `cmd:"" help:"Print the version."`
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
	t = t.safe()
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
	if wrong, is := errors.AsType[*kong.ParseError](err); is && wrong.Context.Command() == "doctor" && c.Doctor.findsItself(err) {
		return say(t, c.Doctor.Run(ctx, t))
	}
	if err != nil {
		advice := "Run `notpanel --help` for the commands and their flags."
		if negativeCredit(args) {
			advice = "To take money away, write the amount last, behind two hyphens:\n" +
				"  notpanel account credit E --reason … -- -5.00"
		}
		fmt.Fprintf(t.err, "notpanel: %s\n%s\n", lines(err.Error()), advice)
		return exitUsage
	}
	return say(t, parsed.Run())
}

// negativeCredit reports that a negative amount stands where a flag would.
func negativeCredit(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	return len(args) > 1 && args[0] == "account" && args[1] == "credit" && slices.ContainsFunc(args, func(arg string) bool {
		return len(arg) > 1 && arg[0] == '-' && (arg[1] == '.' || arg[1] >= '0' && arg[1] <= '9')
	})
}

// say prints what went wrong and returns the exit code.
func say(t terminal, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintln(t.err, "notpanel:", lines(message(err)))
	var wrong *usageError
	if errors.As(err, &wrong) || fault.Is(err, fault.Invalid) {
		return exitUsage
	}
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

// lines sets all lines of a text but the first back: none that another wrote
// looks like one of ours.
func lines(text string) string { return strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ") }

// usageError says that a command was used wrongly.
type usageError struct{ text string }

// Error returns what to do instead.
func (e *usageError) Error() string { return e.text }
