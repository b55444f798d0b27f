package sdk_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// goSamples are the samples in the README of the Go SDK.
func goSamples(t *testing.T) (whole string, others []string) {
	t.Helper()
	text, err := os.ReadFile(root(t, "client", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range regexp.MustCompile("(?ms)^```go\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		if strings.HasPrefix(found[1], "package main\n") {
			whole = found[1]
		} else {
			others = append(others, found[1])
		}
	}
	if whole == "" || len(others) < 8 {
		t.Fatalf("README has a whole sample of %d bytes and %d others", len(whole), len(others))
	}
	return whole, others
}

// goProgram builds a program from a text, as one that imports the SDK.
func goProgram(t *testing.T, source string) string {
	t.Helper()
	folder := t.TempDir()
	file, program := filepath.Join(folder, "main.go"), filepath.Join(folder, "sample")
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"vet", file}, {"build", "-buildvcs=false", "-o", program, file}} {
		build := exec.CommandContext(t.Context(), "go", args...)
		build.Dir = root(t)
		if said, err := build.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", args[0], err, said)
		}
	}
	return program
}

// The whole sample in README, as printed, places an order and hears by webhook that it is
// completed; then its webhook is gone.
func TestGoReadme(t *testing.T) {
	t.Parallel()
	whole, _ := goSamples(t)
	if n := strings.Count(whole, "\n"); n > 65 {
		t.Errorf("the sample has %d lines", n)
	}
	program := goProgram(t, whole)
	d := startDemo(t)
	said := run(t, d, t.TempDir(), program)
	if !regexp.MustCompile(`(?m)^placed (ord_\w{26}) for 0\.42 USD\n(ord_\w{26}) completed\n$`).MatchString(said) {
		t.Errorf("it said:\n%s", said)
	}
	left, err := goClient(t, d, "native").Webhooks.List(t.Context())
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %+v, %v", left, err)
	}
}

// The other samples in README compile, and those that need only a client run.
func TestGoReadmeSamples(t *testing.T) {
	t.Parallel()
	_, others := goSamples(t)
	source, calls := goHarness(t, others)
	if want := []string{"order", "tell", "lists", "many", "again"}; !slices.Equal(calls, want) {
		t.Errorf("the samples that run are %q, not %q", calls, want)
	}
	program := goProgram(t, source)
	said := run(t, startDemo(t), t.TempDir(), program)
	for _, want := range []string{
		`shop-4711 ord_\w{26} \w+ 0\.42 USD`, `400 quantity must be between 1000 and 1000000 req_`, `to send it again is of no use`,
		`1 https://example\.com/campaign-1#sim=complete 0\.84`, `29 state  active`, `no-such-order notpanel: Order not found`,
	} {
		if !regexp.MustCompile(`(?m)^` + want).MatchString(said) {
			t.Errorf("it did not say %s:\n%s", want, said)
		}
	}
}

// goHarness makes a program of samples that are functions: it calls those that take a
// context and a client.
func goHarness(t *testing.T, samples []string) (source string, calls []string) {
	t.Helper()
	body := strings.Join(samples, "\n")
	file, err := parser.ParseFile(token.NewFileSet(), "", "package main\n"+body, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			t.Fatalf("a sample is no function: %T", d)
		}
		if f.Type.Params.NumFields() == 2 && strings.Contains(body, "func "+f.Name.Name+"(ctx context.Context, panel *client.Client) error {") {
			calls = append(calls, f.Name.Name)
		}
	}
	var b strings.Builder
	b.WriteString("package main\nimport (\n")
	for _, path := range []string{"context", "errors", "fmt", "math/big", "net/http", "os", "time", "github.com/notpanel/notpanel/client"} {
		fmt.Fprintf(&b, "%q\n", path)
	}
	b.WriteString(")\nfunc main() {\npanel, err := client.New(os.Getenv(\"NOTPANEL_KEY\"), os.Getenv(\"NOTPANEL_URL\"))\n")
	for _, name := range calls {
		fmt.Fprintf(&b, "if err == nil {\nerr = %s(context.Background(), panel)\n}\n", name)
	}
	b.WriteString("if err != nil {\npanic(err)\n}\n}\n" + body)
	return b.String(), calls
}
